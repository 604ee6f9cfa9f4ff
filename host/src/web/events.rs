//! Changes as they happen (server-sent events): a page that is open hears that
//! the queue changed, and fetches itself again.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;

use super::Pages;
use super::reply::{self, Reply};

/// How often the queue is looked at, while somebody looks at the pages.
const LOOK: Duration = Duration::from_secs(1);

/// How often a line goes out, so that a proxy keeps the connection.
const ALIVE: Duration = Duration::from_secs(20);

/// Tells open pages of changes.
pub struct Events {
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

impl Events {
    pub fn new() -> Self {
        Self { changes: watch::Sender::new(0) }
    }

    /// Looks at the queue for ever.
    pub async fn look(&self, pages: &Pages) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        loop {
            looks.tick().await;
            if self.changes.receiver_count() == 0 {
                continue;
            }
            let now = pages.queue.changes().await.ok();
            if seen != now {
                seen = now;
                self.changes.send_modify(|changes| *changes += 1);
            }
        }
    }

    /// The answer that goes on as long as the page is open.
    pub fn stream(&self) -> Reply {
        let lines = stream::unfold(self.changes.subscribe(), |mut changes| async move {
            let line = match tokio::time::timeout(ALIVE, changes.changed()).await {
                Ok(Ok(())) => "event: changed\ndata: now\n\n",
                Ok(Err(_)) => return None,
                Err(_) => ": alive\n\n",
            };
            Some((Ok::<_, io::Error>(Frame::data(Bytes::from_static(line.as_bytes()))), changes))
        });
        reply::made("text/event-stream", StreamBody::new(lines).boxed_unsync())
    }
}
