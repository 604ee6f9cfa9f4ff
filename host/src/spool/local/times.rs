//! Times as the ledger has them: milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The milliseconds of a length of time.
pub(super) fn duration_millis(duration: Duration) -> i64 {
    // A thousand years are for ever, and leave room to add.
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(1_000 * 365 * 24 * 3_600_000)
}

/// The time so many milliseconds after 1970.
pub(super) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
