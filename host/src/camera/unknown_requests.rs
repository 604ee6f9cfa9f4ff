//! What nobody has understood yet: an unknown path, service or host is logged
//! once with the whole head of its request. It is how new models get
//! understood.
//!
//! Once, and not too many in an hour: whoever scans the port would fill the
//! log.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::HOSTS;
use super::mask::masked;

/// Of so many is remembered that they were logged. Then the next ones are
/// logged as soon as the oldest of them is this old, and all are forgotten.
const REMEMBERED: usize = 256;
const FORGET: Duration = Duration::from_secs(60 * 60);

/// Remembers what was logged.
pub(crate) struct UnknownRequests(Mutex<Seen>);

struct Seen {
    /// Hashes, since paths may be long.
    all: HashSet<u64>,
    since: Instant,
}

impl UnknownRequests {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Seen { all: HashSet::new(), since: Instant::now() }))
    }

    /// Logs the head of a request with the first of `reports` on it that is new.
    pub(crate) fn log(&self, reports: &[String], peer: IpAddr, head: &[u8]) {
        // Every one of them is remembered, the first new one is told.
        let new: Vec<&String> = reports.iter().filter(|report| self.is_new(report)).collect();
        if let Some(report) = new.first() {
            // A path may hold the key of a session.
            let report = masked(report.as_bytes());
            let report = String::from_utf8_lossy(&report);
            let head = masked(head);
            tracing::warn!(
                lines = String::from_utf8_lossy(&head).trim_end(),
                "{report}; if it was a camera (at {peer}), please report it:"
            );
        }
    }

    fn is_new(&self, report: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        report.hash(&mut hasher);
        let report = hasher.finish();
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
        seen.all.insert(report)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_new_once_and_strangers_cannot_fill_the_log() {
        let requests = UnknownRequests::new();
        assert!(requests.is_new("GET /a"));
        assert!(!requests.is_new("GET /a"));
        let new = (0..10_000).filter(|n| requests.is_new(&format!("GET /{n}"))).count();
        assert_eq!(new, REMEMBERED - 1);
        let long_ago = Instant::now().checked_sub(FORGET).unwrap();
        requests.0.lock().unwrap().since = long_ago;
        assert!(requests.is_new("GET /b") && !requests.is_new("GET /b"));
    }

    #[test]
    fn the_hosts_of_cameras_and_addresses_are_known() {
        for host in ["gld.samsungosp.com", "WWW.MSN.COM.", "192.0.2.1", "[2001:db8::1]", ""] {
            assert!(is_known_host(host), "{host}");
        }
        assert!(!is_known_host("www.samsung.example"));
    }
}
