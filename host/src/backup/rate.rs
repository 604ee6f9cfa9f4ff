//! How often a search is answered, so that the server is no amplifier: a
//! search costs whoever sends it 66 bytes and us 318, and its sender's address
//! can be forged.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Answers to one address in a second and in a minute. A camera asks three
/// times.
const IN_A_SECOND: usize = 8;
const IN_A_MINUTE: usize = 40;

/// Answers in a second, to whomever.
const IN_ALL: usize = 100;

/// Addresses remembered. Of more than these, each with its own limit, only
/// [`IN_ALL`] holds back anybody.
const ADDRESSES: usize = 256;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The answers of the last minute.
#[derive(Default)]
pub(super) struct Rates {
    to: HashMap<Ipv4Addr, VecDeque<Instant>>,
    all: VecDeque<Instant>,
}

impl Rates {
    /// Whether one more answer may go to `address`; if so it counts.
    pub(super) fn may_answer(&mut self, address: Ipv4Addr, now: Instant) -> bool {
        forget(&mut self.all, SECOND, now);
        if !self.to.contains_key(&address) && self.to.len() >= ADDRESSES {
            self.make_room(now);
        }
        let answers = self.to.entry(address).or_default();
        forget(answers, MINUTE, now);
        let lately = answers.iter().rev().take_while(|at| now.duration_since(**at) < SECOND);
        let may =
            lately.count() < IN_A_SECOND && answers.len() < IN_A_MINUTE && self.all.len() < IN_ALL;
        if may {
            answers.push_back(now);
            self.all.push_back(now);
        }
        may
    }

    /// Forgets whom nothing is held against, or else who asked longest ago.
    fn make_room(&mut self, now: Instant) {
        self.to.retain(|_, answers| {
            forget(answers, MINUTE, now);
            !answers.is_empty()
        });
        if self.to.len() >= ADDRESSES
            && let Some(oldest) =
                self.to.iter().min_by_key(|(_, answers)| answers.back().copied()).map(|(a, _)| *a)
        {
            self.to.remove(&oldest);
        }
    }
}

fn forget(answers: &mut VecDeque<Instant>, window: Duration, now: Instant) {
    while answers.front().is_some_and(|at| now.duration_since(*at) >= window) {
        answers.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 1, last)
    }

    /// How many of so many searches of one address within `time` are answered.
    fn answered(rates: &mut Rates, from: Ipv4Addr, searches: u32, time: Duration) -> usize {
        let begin = Instant::now();
        (0..searches).filter(|n| rates.may_answer(from, begin + time * *n / searches)).count()
    }

    #[test]
    fn a_flood_gets_few_answers_and_others_get_theirs() {
        let mut rates = Rates::default();
        let flood = answered(&mut rates, address(20), 5_000, Duration::from_secs(2));
        assert!((8..=24).contains(&flood), "{flood}");
        assert!(rates.may_answer(address(21), Instant::now() + Duration::from_secs(2)));
        let minute = answered(&mut Rates::default(), address(20), 60_000, MINUTE);
        assert_eq!(minute, IN_A_MINUTE);
    }

    #[test]
    fn three_searches_within_a_second_are_answered_each() {
        assert_eq!(answered(&mut Rates::default(), address(20), 3, SECOND), 3);
    }

    #[test]
    fn many_addresses_have_one_limit_and_little_memory() {
        let mut rates = Rates::default();
        let now = Instant::now();
        let all = (0..10_000_u32)
            .filter(|n| rates.may_answer(Ipv4Addr::from_bits(0x0a00_0000 + n), now))
            .count();
        assert_eq!(all, IN_ALL);
        assert!(rates.to.len() <= ADDRESSES);
    }
}
