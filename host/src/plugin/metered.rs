//! How long a future computes, wherever it is polled.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A future that counts the processor time of its polls.
pub(super) struct Metered<F> {
    future: Pin<Box<F>>,
    spent: Duration,
}

impl<F: Future> Metered<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), spent: Duration::ZERO }
    }

    /// Processor time so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = thread_time();
        let poll = self.future.as_mut().poll(context);
        self.spent += thread_time().saturating_sub(before);
        poll
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
