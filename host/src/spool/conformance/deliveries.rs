//! Deliveries on their way out.

use super::*;
use crate::spool::SpoolError;

/// At least once, and by the same id.
pub(in crate::spool) async fn an_attempt_that_a_crash_cut_short_comes_again(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "store", "1").await;
    let cut = claim(&*spool, 4).await;
    assert!(claim(&*spool, 4).await.is_empty(), "it is under way already");
    drop(spool);
    let spool = bench.open().await;
    let [claim] = &claim(&*spool, 4).await[..] else { panic!("it does not come again") };
    assert_eq!((claim.delivery.id.as_str(), claim.delivery.attempt), ("1", 2));
    // Who was only slow must not write over what others know.
    let late = spool.record(&cut[0], delivered(), None, Duration::ZERO).await;
    assert!(matches!(late, Err(SpoolError::TakenOver)), "{late:?}");
    record(&*spool, claim, delivered()).await;
}

/// Never after its outcome is written down.
pub(in crate::spool) async fn what_is_delivered_stays_delivered(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "store", "1").await;
    let [only] = &claim(&*spool, 4).await[..] else { panic!("nothing to do") };
    let recorded = spool.record(only, delivered(), None, Duration::ZERO).await.unwrap();
    assert!(recorded.finished);
    assert_eq!(spool.undelivered(), 0);
    // The crash comes before its files are removed.
    drop(spool);
    let spool = bench.open().await;
    assert!(claim(&*spool, 4).await.is_empty());
    assert!(matches!(spool.open(&only.delivery.upload).await, Err(SpoolError::Gone(_))));
    let receipt = bench.queue().await.show("1").await.unwrap();
    assert_eq!(receipt.receipt.as_deref(), Some("done"));
    assert_eq!(receipt.links, ["https://x"]);
    spool.clean(Duration::ZERO, Duration::ZERO).await.unwrap();
    assert!(bench.queue().await.list(true).await.unwrap().is_empty());
}

/// Its files go with the last delivery of an upload, not with the first.
pub(in crate::spool) async fn files_stay_until_the_last_delivery_of_their_upload(
    bench: &dyn Bench,
) {
    let spool = bench.open().await;
    let draft = Draft::mail(&*spool, "a@example.org", "text", b"photo").await;
    let both = [planned("1", "store", AT_ONCE), planned("2", "email", AT_ONCE)].concat();
    spool.accept(&draft.upload, draft.lease, both, Repeats::Upload(WINDOW)).await.unwrap();
    let claims = claim(&*spool, 4).await;
    assert_eq!(ids(&claims), ["1", "2"]);
    record(&*spool, &claims[0], delivered()).await;
    spool.clean(Duration::ZERO, Duration::ZERO).await.unwrap();
    assert!(bytes(&*spool, &claims[1]).await == [b"photo"]);
    record(&*spool, &claims[1], delivered()).await;
    assert!(matches!(spool.open(&draft.upload).await, Err(SpoolError::Gone(_))));
}

/// Mails of one sender to one action, posts of one session.
pub(in crate::spool) async fn order_is_kept_within_a_lane_and_lanes_do_not_wait(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "store", "a1").await;
    mail(&*spool, "A@EXAMPLE.ORG", "store", "a2").await;
    mail(&*spool, "b@example.org", "store", "b1").await;
    mail(&*spool, "a@example.org", "email", "other action").await;
    let claims = claim(&*spool, 4).await;
    assert_eq!(ids(&claims), ["a1", "b1", "other action"]);
    // What failed holds up its lane until it is let go.
    record(&*spool, &claims[0], again(HOUR, true)).await;
    assert!(claim(&*spool, 4).await.is_empty());
    bench.queue().await.retry("a1").await.unwrap();
    let claims = claim(&*spool, 4).await;
    assert_eq!(ids(&claims), ["a1"]);
    record(&*spool, &claims[0], again(HOUR, false)).await;
    assert_eq!(ids(&claim(&*spool, 4).await), ["a2"]);
}

/// A slow action leaves places to others.
pub(in crate::spool) async fn two_deliveries_of_one_action_run_at_once(bench: &dyn Bench) {
    let spool = bench.open().await;
    for sender in 1..=4 {
        mail(&*spool, &format!("{sender}@example.org"), "slow", &format!("slow {sender}")).await;
    }
    mail(&*spool, "1@example.org", "quick", "quick").await;
    let claims = claim(&*spool, 4).await;
    assert_eq!(ids(&claims), ["slow 1", "slow 2", "quick"]);
    record(&*spool, &claims[1], delivered()).await;
    assert_eq!(ids(&claim(&*spool, 1).await), ["slow 3"]);
}

/// What waits is due at its time and tells when.
pub(in crate::spool) async fn what_failed_comes_again_at_its_time(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "store", "1").await;
    let [first] = &claim(&*spool, 4).await[..] else { panic!("nothing to do") };
    record(&*spool, first, again(HOUR, true)).await;
    let due = spool.claim(4).await.unwrap();
    let wait = due.next.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(due.claims.is_empty() && wait > HOUR / 2 && wait <= HOUR, "{wait:?}");
    // A clock that jumps ahead by a day moves what waits along, not before.
    spool.shift(24 * 3_600_000).await.unwrap();
    let due = spool.claim(4).await.unwrap();
    let wait = due.next.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(due.claims.is_empty() && wait <= HOUR, "{wait:?}");
    spool.shift(-2 * 3_600_000).await.unwrap();
    let [second] = &claim(&*spool, 4).await[..] else { panic!("it does not come again") };
    assert_eq!((second.failures, second.waited), (1, HOUR));
    // Without a network it was no attempt.
    record(&*spool, second, Outcome::Offline { reason: "down".to_owned(), wait: Duration::ZERO })
        .await;
    let [third] = &claim(&*spool, 4).await[..] else { panic!("it does not come again") };
    assert_eq!((third.delivery.attempt, third.failures), (2, 1));
}

/// One upload at a time is tried of a paused action, each time another; an
/// answer ends the pause.
pub(in crate::spool) async fn a_paused_action_is_probed_until_it_answers(bench: &dyn Bench) {
    let spool = bench.open().await;
    for sender in 1..=3 {
        mail(&*spool, &format!("{sender}@example.org"), "broken", &format!("{sender}")).await;
    }
    let claims = claim(&*spool, 1).await;
    let pause = Some(("down".to_owned(), Duration::ZERO));
    let failed = again(Duration::ZERO, true);
    let recorded = spool.record(&claims[0], failed.clone(), pause.clone(), HOUR).await.unwrap();
    assert!(recorded.paused && !recorded.resumed);
    drop(spool);

    let spool = bench.open().await;
    assert_eq!(spool.paused("broken").await.unwrap().unwrap().probes, 0);
    assert_eq!(bench.queue().await.paused().await.unwrap()[0].action, "broken");
    let probe = claim(&*spool, 4).await;
    assert_eq!(ids(&probe), ["2"], "another one than the last time");
    let recorded = spool.record(&probe[0], failed, pause, HOUR).await.unwrap();
    assert!(!recorded.paused);
    let probe = claim(&*spool, 4).await;
    assert_eq!(ids(&probe), ["3"]);
    let recorded = spool.record(&probe[0], delivered(), None, HOUR).await.unwrap();
    assert!(recorded.resumed);
    assert_eq!(spool.paused("broken").await.unwrap(), None);
    assert_eq!(ids(&claim(&*spool, 4).await), ["1", "2"], "in the order of arrival");
}

/// What an action remembers outlives attempts and crashes, not the delivery.
pub(in crate::spool) async fn notes_outlive_attempts_and_crashes(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "mastodon", "1").await;
    let claims = claim(&*spool, 4).await;
    let notes = &claims[0].delivery.notes;
    assert_eq!(notes.load().await.unwrap(), None);
    notes.save(b"media 1".to_vec()).await.unwrap();
    notes.save(b"media 1 and 2".to_vec()).await.unwrap();
    drop(spool);
    let spool = bench.open().await;
    let claims = claim(&*spool, 4).await;
    let notes = &claims[0].delivery.notes;
    assert_eq!(notes.load().await.unwrap().as_deref(), Some(&b"media 1 and 2"[..]));
    record(&*spool, &claims[0], delivered()).await;
    assert_eq!(spool.notes("1").load().await.unwrap(), None);
}

/// An action that the configuration has no more.
pub(in crate::spool) async fn deliveries_without_an_action_are_parked(bench: &dyn Bench) {
    let spool = bench.open().await;
    mail(&*spool, "a@example.org", "gone", "1").await;
    let missing = spool.recover(vec!["store".to_owned()]).await.unwrap();
    assert_eq!(missing, ["gone"]);
    assert!(claim(&*spool, 4).await.is_empty());
    assert_eq!(spool.undelivered(), 1);
}
