//! What nobody has understood yet: an unknown path, service or host is logged
//! once with the whole head of its request. It is how new models get
//! understood.
//!
//! Once, and not too many in an hour: whoever scans the port would fill the
//! log.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::HOSTS;
use super::mask::masked;

/// Sightings remembered. When there are so many, the next ones are logged as
/// soon as the oldest of them is this old, and then all are forgotten.
const REMEMBERED: usize = 256;
const FORGET: Duration = Duration::from_secs(60 * 60);

/// Remembers what was logged.
pub(super) struct Sightings(Mutex<Seen>);

struct Seen {
    /// Hashes, since paths may be long.
    all: HashSet<u64>,
    since: Instant,
}

impl Sightings {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Seen { all: HashSet::new(), since: Instant::now() }))
    }

    /// Logs the head of a request with the first of `sights` that is new.
    pub(super) fn log(&self, sights: &[String], peer: SocketAddr, head: &[u8]) {
        // Every one of them is remembered, the first new one is told.
        let new: Vec<&String> = sights.iter().filter(|sight| self.is_new(sight)).collect();
        if let Some(sight) = new.first() {
            // A path may hold the key of a session.
            let sight = masked(sight.as_bytes());
            let sight = String::from_utf8_lossy(&sight);
            let peer = peer.ip();
            tracing::warn!(
                "{sight}; if it was a camera (at {peer}), please report it:\n{}",
                shown(head)
            );
        }
    }

    fn is_new(&self, sight: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        sight.hash(&mut hasher);
        let sight = hasher.finish();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.all.len() >= REMEMBERED {
            if seen.since.elapsed() < FORGET {
                return false;
            }
            seen.all.clear();
        }
        if seen.all.is_empty() {
            seen.since = Instant::now();
        }
        seen.all.insert(sight)
    }
}

/// Whether cameras are known to ask for `host`, given without port, or
/// somebody in front of a browser does.
pub(super) fn is_known_host(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host))
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// A head for the log, without what could be used to log in elsewhere.
fn shown(head: &[u8]) -> String {
    let masked = masked(head);
    let lines = String::from_utf8_lossy(&masked)
        .trim_end()
        .lines()
        .map(|line| format!("  {}", line.replace(|c: char| c.is_control(), "\u{fffd}")))
        .collect::<Vec<_>>();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sight_is_new_once_and_strangers_cannot_fill_the_log() {
        let sightings = Sightings::new();
        assert!(sightings.is_new("GET /a"));
        assert!(!sightings.is_new("GET /a"));
        let new = (0..10_000).filter(|n| sightings.is_new(&format!("GET /{n}"))).count();
        assert_eq!(new, REMEMBERED - 1);
        let long_ago = Instant::now().checked_sub(FORGET).unwrap();
        sightings.0.lock().unwrap().since = long_ago;
        assert!(sightings.is_new("GET /b") && !sightings.is_new("GET /b"));
    }

    #[test]
    fn the_hosts_of_cameras_and_addresses_are_known() {
        for host in ["gld.samsungosp.com", "WWW.MSN.COM.", "192.0.2.1", "[2001:db8::1]", ""] {
            assert!(is_known_host(host), "{host}");
        }
        assert!(!is_known_host("www.samsung.example"));
    }
}
