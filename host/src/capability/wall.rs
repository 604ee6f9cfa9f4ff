//! How long a call may stand still. Not how long it may take: a large file on a
//! slow disk needs its time, and an attempt that is ended while its copy runs on
//! only makes the next one slower.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bound of one call. Clones share it.
#[derive(Clone)]
pub struct Wall(Arc<Inner>);

struct Inner {
    limit: Duration,
    /// When the call began, or moved on last.
    moved: Mutex<Instant>,
    over: AtomicBool,
}

impl Wall {
    /// A call that begins now and may stand still for `limit`.
    pub fn new(limit: Duration) -> Self {
        let moved = Mutex::new(Instant::now());
        Self(Arc::new(Inner { limit, moved, over: AtomicBool::new(false) }))
    }

    /// The host has done a part of what the call asked for.
    pub fn moved_on(&self) {
        *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the call has ended: what still works for it can stop.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// Does `work`, none if it stood still for too long. Either way the call is
    /// over then, and also when this is dropped.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _end = End(self);
        let mut work = pin!(work);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                done = &mut work => return Some(done),
                () = tokio::time::sleep_until(deadline.into()) => {
                    if self.deadline() <= Instant::now() {
                        return None;
                    }
                }
            }
        }
    }

    /// When it is ended if it does not move on.
    pub fn deadline(&self) -> Instant {
        *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner) + self.0.limit
    }
}

struct End<'a>(&'a Wall);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.0.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_moves_on_may_take_long_and_one_that_stands_still_may_not() {
        let wall = Wall::new(Duration::from_millis(400));
        let moving = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(80)).await;
                wall.moved_on();
            }
        };
        assert!(wall.bound(moving).await.is_some());
        assert!(wall.is_over());
        let wall = Wall::new(Duration::from_millis(20));
        assert!(wall.bound(std::future::pending::<()>()).await.is_none());
        assert!(wall.is_over());
        let wall = Wall::new(Duration::from_secs(60));
        drop(wall.bound(std::future::pending::<()>()));
        assert!(!wall.is_over(), "what was never begun has no end");
    }
}
