//! Notices when the system's clock jumps: a small board without a battery
//! starts in 1970 and learns the date later.

use std::time::{Duration, Instant, SystemTime};

/// Less is drift.
const JUMP: Duration = Duration::from_secs(2);

/// The wall clock beside one that only moves forward.
pub(super) struct Clock {
    wall: SystemTime,
    steady: Instant,
}

impl Clock {
    pub(super) fn new(wall: SystemTime, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// By how many milliseconds the wall clock jumped since the last question.
    pub(super) fn jumped(&mut self, wall: SystemTime, steady: Instant) -> Option<i64> {
        let expected = self.wall + steady.duration_since(self.steady);
        *self = Self { wall, steady };
        let (sign, jump) = match wall.duration_since(expected) {
            Ok(forward) => (1, forward),
            Err(back) => (-1, back.duration()),
        };
        let milliseconds = i64::try_from(jump.as_millis()).unwrap_or(i64::MAX);
        (jump >= JUMP).then_some(sign * milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_noticed_once_in_either_direction() {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        let mut clock = Clock::new(wall, steady);
        let second = Duration::from_secs(1);
        let year = second * 86_400 * 365;
        assert_eq!(clock.jumped(wall + second, steady + second), None);
        let jumped = clock.jumped(wall + year + 2 * second, steady + 2 * second);
        assert_eq!(jumped, Some(365 * 86_400_000));
        assert_eq!(clock.jumped(wall + year + 3 * second, steady + 3 * second), None);
        let back = clock.jumped(wall + 4 * second, steady + 4 * second);
        assert_eq!(back, Some(-365 * 86_400_000));
    }
}
