//! Checks of passwords, each of which takes some 20 MB and all of a processor,
//! and which anybody who knows an address can ask for.
//!
//! One at a time, in the same memory. An address has its turn like any other,
//! however often it asks; and who has failed often has to wait, without a check.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::places::household;
use super::turns::Turns;
use crate::password::Checker;

/// Checks of one address that may wait.
const WAITING: usize = 64;

/// Failures that cost nothing: of somebody who mistypes it, and of all cameras
/// behind one address.
const FREE: u32 = 10;

/// The wait after the next one, doubled with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(64);

/// After this long without a failure all of an address are forgotten.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// Addresses whose failures are remembered.
const REMEMBERED: usize = 4096;

/// The memory of checks is given back after this long without one.
const IDLE: Duration = Duration::from_secs(1);

/// Checks passwords, fair to each address.
#[derive(Default)]
pub(super) struct Passwords {
    turns: Turns,
    checker: Arc<Mutex<Checker>>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Whether a password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    Right,
    Wrong,
    /// Not looked at: too many from this address were wrong, or wait.
    TooMany,
}

impl Passwords {
    /// Checks whether `hash` was made of `password`, for a login from
    /// `address`.
    pub(super) async fn check(&self, address: IpAddr, password: String, hash: String) -> Checked {
        let address = household(address);
        if self.must_wait(address, Instant::now()) {
            return Checked::TooMany;
        }
        let Some(turn) = self.turns.take(address, WAITING).await else { return Checked::TooMany };
        // Others of this address may have failed meanwhile.
        if self.must_wait(address, Instant::now()) {
            return Checked::TooMany;
        }
        let (checker, turns) = (self.checker.clone(), self.turns.clone());
        // The turn goes along: a camera that hangs up does not stop the check.
        let checked = tokio::task::spawn_blocking(move || {
            let mut checker = checker.lock().unwrap_or_else(PoisonError::into_inner);
            let right = checker.is(&password, &hash);
            drop(turn);
            right
        });
        let is_right = checked.await.unwrap_or(false);
        if turns.is_idle() {
            tokio::spawn(forget_memory(self.checker.clone(), turns));
        }
        self.note(address, is_right, Instant::now());
        if is_right { Checked::Right } else { Checked::Wrong }
    }

    fn must_wait(&self, address: IpAddr, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(&address).is_some_and(|failures| now < failures.last + failures.wait())
    }

    fn note(&self, address: IpAddr, is_right: bool, now: Instant) {
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if is_right {
            all.remove(&address);
            return;
        }
        if all.len() >= REMEMBERED && !all.contains_key(&address) {
            all.retain(|_, failures| now.duration_since(failures.last) < FORGET);
            let oldest = all.iter().min_by_key(|(_, failures)| failures.last).map(|(a, _)| *a);
            if let Some(oldest) = oldest.filter(|_| all.len() >= REMEMBERED) {
                all.remove(&oldest);
            }
        }
        let failures = all.entry(address).or_insert(Failures { count: 0, last: now });
        if now.duration_since(failures.last) >= FORGET {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
        if failures.count == FREE {
            tracing::warn!("{address} has sent {FREE} wrong passwords; it has to wait now");
        }
    }
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE) {
            Some(more) => (FIRST_WAIT * 2_u32.pow(more.min(6))).min(LONGEST_WAIT),
            None => Duration::ZERO,
        }
    }
}

async fn forget_memory(checker: Arc<Mutex<Checker>>, turns: Turns) {
    tokio::time::sleep(IDLE).await;
    if turns.is_idle()
        && let Ok(mut checker) = checker.try_lock()
    {
        checker.forget(IDLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn who_fails_often_waits_longer_and_longer_and_others_do_not() {
        let passwords = Passwords::default();
        let mut now = Instant::now();
        for _ in 0..FREE {
            assert!(!passwords.must_wait(ADDRESS, now));
            passwords.note(ADDRESS, false, now);
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 64] {
            let wait = Duration::from_secs(wait);
            assert!(passwords.must_wait(ADDRESS, now + wait - Duration::from_millis(1)));
            now += wait;
            assert!(!passwords.must_wait(ADDRESS, now), "{wait:?}");
            passwords.note(ADDRESS, false, now);
        }
        assert!(!passwords.must_wait(IpAddr::from([192, 0, 2, 2]), now));
        passwords.note(ADDRESS, true, now);
        assert!(!passwords.must_wait(ADDRESS, now));
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_failures() {
        let passwords = Passwords::default();
        let now = Instant::now();
        for number in 0..REMEMBERED as u32 + 100 {
            passwords.note(IpAddr::from(number.to_be_bytes()), false, now);
        }
        assert_eq!(passwords.failures.lock().unwrap().len(), REMEMBERED);
    }
}
