//! When a delivery that failed is tried again, and when it is given up. Pure:
//! counts and durations only, so no jump of the clock can matter here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::settings::Settings;

/// Traps in a row that park a delivery.
const TRAPS: u32 = 3;

/// Failures in a row, over all deliveries of an action, that pause it.
pub(super) const FAILURES_TO_PAUSE: u32 = 5;

/// Failures of a mailed upload after which later ones of the same sender may
/// overtake it: one bad upload must not hold up a camera for days. An outage
/// keeps the order all the same, since it pauses the action.
const FAILURES_HELD: u32 = 3;

/// Least waiting time that an action can ask for.
const LEAST_ADVICE: Duration = Duration::from_secs(1);

/// Time between attempts while the network is down.
pub(super) const OFFLINE: Duration = Duration::from_secs(30);

/// The schedule of attempts.
pub(super) struct Retry {
    delays: Vec<Duration>,
    give_up_after: Duration,
}

/// A failed attempt, and the delivery's past.
pub(super) struct Failed<'a> {
    pub(super) delivery: &'a str,
    /// Failed attempts before this one.
    pub(super) failures: u32,
    /// Traps in a row before this one.
    pub(super) traps: u32,
    /// Time spent waiting for attempts so far.
    pub(super) waited: Duration,
    /// Whether the action was ended by a trap or a limit.
    pub(super) trapped: bool,
    /// What the action asked for.
    pub(super) advice: Option<Duration>,
    /// Whether it belongs to a session, whose order is never given up.
    pub(super) in_session: bool,
}

/// What comes after a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Again { wait: Duration, traps: u32, holds: bool },
    Park,
}

impl Retry {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { delays: settings.retry_delays.clone(), give_up_after: settings.retry_for }
    }

    pub(super) fn after(&self, failed: &Failed<'_>) -> Next {
        let failures = failed.failures + 1;
        let traps = if failed.trapped { failed.traps + 1 } else { 0 };
        if traps >= TRAPS || failed.waited >= self.give_up_after {
            return Next::Park;
        }
        let spread = spread(failed.delivery, failures);
        let wait = match failed.advice {
            // Not before what the action says, so only later.
            Some(advice) => {
                let advice = advice.clamp(LEAST_ADVICE, self.give_up_after.max(LEAST_ADVICE));
                advice.mul_f64(1.0 + spread / 10.0)
            }
            None => self.delay(failures).mul_f64(0.8 + 0.4 * spread),
        };
        Next::Again { wait, traps, holds: failed.in_session || failures < FAILURES_HELD }
    }

    /// Waiting time until a paused action is tried.
    pub(super) fn probe(&self, action: &str, probes: u32) -> Duration {
        self.delay(probes + 1).mul_f64(0.8 + 0.4 * spread(action, probes))
    }

    fn delay(&self, failures: u32) -> Duration {
        let last = self.delays.len().saturating_sub(1);
        let index = usize::try_from(failures).unwrap_or(usize::MAX).min(last);
        self.delays.get(index).copied().unwrap_or_default()
    }
}

/// A number from 0 to 1 that differs between deliveries and attempts, so that
/// a hundred deliveries that failed together do not come back together.
fn spread(name: &str, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (name, attempt).hash(&mut hasher);
    f64::from(u16::try_from(hasher.finish() & 0xffff).unwrap_or(0)) / 65_535.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Failed<'_> = Failed {
        delivery: "d",
        failures: 0,
        traps: 0,
        waited: Duration::ZERO,
        trapped: false,
        advice: None,
        in_session: false,
    };

    fn wait(next: Next) -> Duration {
        match next {
            Next::Again { wait, .. } => wait,
            Next::Park => panic!("parked"),
        }
    }

    #[test]
    fn waits_follow_the_schedule_within_a_fifth_and_end_after_five_days() {
        let retry = Retry::new(&Settings::default());
        let minutes = [0.5, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0];
        let mut waited = Duration::ZERO;
        let mut failures = 0;
        loop {
            let failed = Failed { failures, waited, ..FIRST };
            let Next::Again { wait, .. } = retry.after(&failed) else { break };
            let minutes = minutes.get(failures as usize).unwrap_or(&60.0);
            let ratio = wait.as_secs_f64() / (minutes * 60.0);
            assert!((0.8..=1.2).contains(&ratio), "{failures}: {wait:?}");
            waited += wait;
            failures += 1;
        }
        let days = waited.as_secs_f64() / 86_400.0;
        assert!((5.0..5.1).contains(&days), "{days}");
    }

    #[test]
    fn an_advice_is_respected_but_does_not_hammer() {
        let retry = Retry::new(&Settings::default());
        let after = |seconds| {
            let advice = Some(Duration::from_secs(seconds));
            wait(retry.after(&Failed { advice, ..FIRST }))
        };
        assert!((600.0..=660.0).contains(&after(600).as_secs_f64()));
        assert!(after(0) >= Duration::from_secs(1));
        assert!(after(u64::from(u32::MAX)) <= Duration::from_secs(6 * 86_400));
    }

    #[test]
    fn the_third_trap_in_a_row_parks() {
        let retry = Retry::new(&Settings::default());
        let second = Failed { trapped: true, traps: 1, failures: 4, ..FIRST };
        assert!(matches!(retry.after(&second), Next::Again { traps: 2, .. }));
        assert_eq!(retry.after(&Failed { traps: 2, ..second }), Next::Park);
        let other = Failed { trapped: false, traps: 2, ..FIRST };
        assert!(matches!(retry.after(&other), Next::Again { traps: 0, .. }));
    }

    #[test]
    fn a_bad_mail_lets_others_pass_and_a_post_never_does() {
        let retry = Retry::new(&Settings::default());
        let holds =
            |failures, in_session| match retry.after(&Failed { failures, in_session, ..FIRST }) {
                Next::Again { holds, .. } => holds,
                Next::Park => panic!("parked"),
            };
        assert!(holds(1, false) && !holds(2, false));
        assert!(holds(2, true) && holds(50, true));
    }
}
