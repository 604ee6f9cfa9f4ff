//! Deliveries on their way out: what is taken from the queue, and what became
//! of it.

use std::time::{Duration, SystemTime};

use crate::upload::Delivery;

/// Deliveries of one action at once, so that a slow action leaves places to
/// others.
pub(super) const AT_ONCE: usize = 2;

/// A delivery taken from the queue.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its number in the order of arrival.
    pub number: i64,
    /// Failed attempts so far.
    pub failures: u32,
    /// Traps in a row so far.
    pub traps: u32,
    /// Time it has spent waiting for its attempts.
    pub waited: Duration,
    /// What shall be done, with what; its working copy is not open yet, see
    /// [`Spool::open`](super::Spool::open).
    pub delivery: Delivery,
}

/// What can be done now, and what later.
#[derive(Debug)]
pub struct Due {
    /// Deliveries that are now marked as being delivered.
    pub claims: Vec<Claim>,
    /// When the next thing is due that is not due yet.
    pub next: Option<SystemTime>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is done.
    Delivered {
        /// One line of the action's.
        summary: String,
        /// Where the result can be seen.
        links: Vec<String>,
    },
    /// It will never work.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It failed and comes again.
    Again {
        /// Why it failed.
        reason: String,
        /// Waiting time until the next attempt.
        wait: Duration,
        /// Failed attempts, this one included.
        failures: u32,
        /// Traps in a row, this one included.
        traps: u32,
        /// Whether later deliveries of its lane wait for it.
        holds: bool,
    },
    /// The network is down: not counted as an attempt.
    Offline {
        /// What could not be reached.
        reason: String,
        /// Waiting time until the next attempt.
        wait: Duration,
    },
    /// Its attempts are used up.
    Parked {
        /// Why the last one failed.
        reason: String,
        /// Failed attempts, this one included.
        failures: u32,
    },
}

impl Outcome {
    /// Whether the action gave an answer of its own, and so works.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Rejected { .. })
    }
}

/// What an outcome that was written down brought with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded {
    /// The action is paused, and was not before.
    pub paused: bool,
    /// The action is paused no more.
    pub resumed: bool,
    /// The files of the upload are needed no more.
    pub finished: bool,
}

/// An action that is not called for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Attempts to find out whether it works again.
    pub probes: u32,
}
