//! This spool keeps what every spool must.

use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use crate::spool::conformance::{Bench, conformance};
use crate::spool::{self, Queue, Spool};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
}

#[async_trait]
impl Bench for Folder {
    async fn open(&self) -> Arc<dyn Spool> {
        let spool = loop {
            match spool::open(self.0.path()).await {
                Ok(spool) => break spool,
                // What the one before was about to do still holds it.
                Err(error) if error.to_string().contains("another server") => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let actions = ["store", "store.kept", "email", "mastodon", "other", "slow", "quick"];
        let actions = actions.into_iter().chain(["broken", "gone"]).map(str::to_owned);
        spool.recover(actions.collect()).await.unwrap();
        spool
    }

    async fn queue(&self) -> Box<dyn Queue> {
        spool::queue(self.0.path()).await.unwrap()
    }
}

conformance! {
    Folder::new();
    what_was_accepted_is_there_after_a_crash,
    what_was_not_accepted_is_never_delivered,
    an_accept_that_is_given_up_at_any_point_is_whole_or_not_there,
    the_same_upload_again_is_a_repeat_unless_the_first_failed,
    a_post_collects_files_until_it_is_complete,
    an_incomplete_post_is_delivered_as_it_is,
    a_photo_for_a_post_that_was_closed_meanwhile_is_one_of_its_own,
    an_attempt_that_a_crash_cut_short_comes_again,
    what_is_delivered_stays_delivered,
    files_stay_until_the_last_delivery_of_their_upload,
    order_is_kept_within_a_lane_and_lanes_do_not_wait,
    two_deliveries_of_one_action_run_at_once,
    what_failed_comes_again_at_its_time,
    a_paused_action_is_probed_until_it_answers,
    notes_outlive_attempts_and_crashes,
    deliveries_without_an_action_are_parked,
    an_operator_retries_drops_and_exports,
    sessions_and_announcements_outlive_a_restart,
    the_secret_stays_the_same,
}
