//! How long a future computes, wherever it is polled, and its end when that is
//! too long.
//!
//! Only the processor's time of its own thread counts: neither a guest's waits
//! nor what else the machine has to do.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::limits::Exceeded;

/// Processor time that a future has spent.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    /// In polls that have ended, in nanoseconds.
    ended: AtomicU64,
    /// What its thread had spent when the last poll began, in nanoseconds.
    began: AtomicU64,
}

impl CpuTime {
    /// Until the last poll ended.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.ended.load(Ordering::Relaxed))
    }

    /// Until now, for what runs within a poll.
    ///
    /// # Errors
    /// It is more than `limit`.
    pub(super) fn check(&self, limit: Duration) -> Result<(), Exceeded> {
        let poll = thread_time().saturating_sub(self.began.load(Ordering::Relaxed));
        match self.spent() + Duration::from_nanos(poll) > limit {
            true => Err(Exceeded::Cpu { limit }),
            false => Ok(()),
        }
    }

    fn poll<T>(&self, poll: impl FnOnce() -> T) -> T {
        let began = thread_time();
        self.began.store(began, Ordering::Relaxed);
        let polled = poll();
        self.ended.fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
        polled
    }
}

/// A future whose polls are counted in a [`CpuTime`], and which fails when
/// they take more than `limit` in all.
pub(super) struct Counted<F> {
    future: Pin<Box<F>>,
    time: Arc<CpuTime>,
    limit: Duration,
}

impl<F> Counted<F> {
    pub(super) fn new(future: F, time: Arc<CpuTime>, limit: Duration) -> Self {
        Self { future: Box::pin(future), time, limit }
    }
}

impl<A, F: Future<Output = wasmtime::Result<A>>> Future for Counted<F> {
    type Output = wasmtime::Result<A>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let time = &this.time;
        let poll = time.poll(|| this.future.as_mut().poll(context));
        // A guest that only ever calls the host need not come to an epoch.
        match poll {
            Poll::Pending if time.spent() > this.limit => {
                Poll::Ready(Err(Exceeded::Cpu { limit: this.limit }.into()))
            }
            poll => poll,
        }
    }
}

/// What this thread has computed, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(time: Duration) {
        let end = thread_time() + time.as_nanos() as u64;
        while thread_time() < end {}
    }

    #[tokio::test]
    async fn computing_counts_over_all_polls_and_waiting_does_not() {
        let time = Arc::new(CpuTime::default());
        let work = async {
            for _ in 0..4 {
                spend(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
            std::thread::sleep(Duration::from_millis(30));
            Ok(())
        };
        Counted::new(work, time.clone(), Duration::from_secs(1)).await.unwrap();
        let spent = time.spent();
        assert!((20..30).contains(&spent.as_millis()), "{spent:?}");
    }

    #[tokio::test]
    async fn what_computes_for_too_long_ends_at_its_next_wait() {
        let time = Arc::new(CpuTime::default());
        let work = async {
            loop {
                spend(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
        };
        let limit = Duration::from_millis(20);
        let end: wasmtime::Result<()> = Counted::new(work, time, limit).await;
        assert_eq!(end.unwrap_err().downcast::<Exceeded>().unwrap(), Exceeded::Cpu { limit });
    }
}
