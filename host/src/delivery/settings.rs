//! What an operator decides about deliveries: when they are tried again, how
//! long posts are collected, and what is kept of delivered uploads.

use std::time::Duration;

/// What an operator can decide about deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Waiting time before the first attempt, the second, and so on; the last
    /// one repeats. Never empty.
    pub retry_delays: Vec<Duration>,
    /// Waiting time of all attempts after which a delivery is parked.
    pub retry_for: Duration,
    /// How long a post waits for its next file.
    pub collect_timeout: Duration,
    /// How long an upload that comes again is taken for a repeat after a lost
    /// answer.
    pub repeat_window: Duration,
    /// How long receipts are kept.
    pub keep_receipts: Duration,
    /// How long the files of delivered uploads are kept.
    pub keep_files: Duration,
    /// Deliveries that are not delivered, at which uploads are refused.
    pub max_queue: usize,
    /// How long a stop waits for uploads and deliveries that are under way.
    pub stop_timeout: Duration,
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

impl Default for Settings {
    fn default() -> Self {
        let delays = [0, 30, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE];
        Self {
            retry_delays: delays
                .into_iter()
                .chain([60 * MINUTE])
                .map(Duration::from_secs)
                .collect(),
            retry_for: Duration::from_secs(5 * DAY),
            collect_timeout: Duration::from_secs(10 * MINUTE),
            repeat_window: Duration::from_secs(10 * MINUTE),
            keep_receipts: Duration::from_secs(30 * DAY),
            keep_files: Duration::ZERO,
            // Half a terabyte of photos; the ledger is quick up to here.
            max_queue: 100_000,
            // systemd kills after 90 s.
            stop_timeout: Duration::from_secs(20),
        }
    }
}
