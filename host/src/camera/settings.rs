//! What an operator decides about the camera side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::current::Current;
use crate::networks::Networks;
use crate::spool::FreeSpace;

/// What an operator decides about the camera side.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may send.
    pub senders: Senders,
    /// Services of sharing menus that are served.
    pub services: Services,
    /// How the hotspot check of a host is answered; alternately where absent.
    pub hotspot: BTreeMap<Portal, HotspotAnswer>,
    /// Codes in the answers to logins that fail.
    pub error_codes: ErrorCodes,
    /// In whose name a camera sends that logs in by OAuth, if any may: in the
    /// spelling of the list.
    pub oauth_sender: Option<String>,
    /// What a connection may use up.
    pub limits: Limits,
    /// Proxies that are believed when they say for whom they come.
    pub trusted_proxies: Networks,
    /// Largest upload, in bytes.
    pub largest_upload: u64,
    /// Space that no upload may use.
    pub free_space: FreeSpace,
    /// Folder of raw requests, when they shall be kept.
    pub capture_folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        // The address that cameras are shipped with (`protocol.md` 3.2).
        let factory = Sender { address: "Camera@samsungcamera.com".to_owned(), password: None };
        Self {
            senders: Senders::new([factory]),
            services: Services::with([]),
            hotspot: BTreeMap::new(),
            error_codes: ErrorCodes::Status,
            oauth_sender: None,
            limits: Limits::default(),
            trusted_proxies: Networks::none(),
            // A video of half an hour, the longest that cameras make.
            largest_upload: 4 << 30,
            // Leaves a small system room for its log and for a last e-mail.
            free_space: FreeSpace { folder: PathBuf::new(), kept: 256 << 20 },
            capture_folder: None,
        }
    }
}

/// Files that are open beside those of connections: the ledger, components,
/// deliveries under way.
const OTHER_FILES: usize = 96;

/// Files that a connection has open: itself, and what it uploads.
const FILES_OF_ONE: usize = 2;

/// Connections that there are in any case.
const FEWEST: usize = 8;

/// What a connection may use up: of the server's places and of its patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, at least 1.
    pub connections: usize,
    /// Of one address, if an operator says so; [`Limits::of_one_address`].
    pub per_address: Option<usize>,
    /// Time for a whole head.
    pub head: Duration,
    /// Longest silence within a body.
    pub silence: Duration,
    /// Bytes a second that a body must bring on average,
    pub slowest: u64,
    /// once it has lasted so long.
    pub slow_after: Duration,
}

impl Limits {
    /// The same with no more connections than fit so many open files, and words
    /// for the operator if those are fewer.
    pub fn fitting(self, files: usize) -> (Self, Option<String>) {
        let fit = (files.saturating_sub(OTHER_FILES) / FILES_OF_ONE).max(FEWEST);
        if fit >= self.connections {
            return (self, None);
        }
        let words = format!(
            "MAX_CONNECTIONS: {fit} of {} fit the limit of {files} open files; raise it with \
             LimitNOFILE= in systemd, --ulimit nofile= in Docker, or ulimit -Hn",
            self.connections
        );
        (Self { connections: fit, ..self }, Some(words))
    }

    /// Connections that one address may have: half of all, and at least a
    /// household's, unless an operator says otherwise.
    pub fn of_one_address(&self) -> usize {
        let all = self.connections;
        self.per_address.unwrap_or_else(|| (all / 2).max(all.min(64)))
    }

    /// Whether so many bytes in this time are less than any camera's network
    /// brings.
    pub fn is_too_slow(&self, received: u64, time: Duration) -> bool {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        time > self.slow_after && received < self.slowest.saturating_mul(millis) / 1000
    }
}

impl Default for Limits {
    /// A household has a handful of cameras, and the slowest network one was
    /// used on, 2G, brings 5 kB a second with gaps.
    fn default() -> Self {
        Self {
            connections: 512,
            per_address: None,
            head: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            slowest: 500,
            slow_after: Duration::from_secs(30),
        }
    }
}

/// `ErrCode` and `ErrSubCode` of a failed login (`protocol.md` 3.1). Which of
/// them makes a camera show the better message is not known of any model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCodes {
    /// The HTTP status, which cameras are known to take.
    Status,
    /// Those of Samsung's gateway, which tell a wrong user from a wrong
    /// password.
    Gateway,
}

/// A host whose hotspot check wants a redirect or a cookie (`protocol.md` 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Portal {
    /// `www.yahoo.co.kr`: models of 2012
    Yahoo,
    /// `www.msn.com`: models of 2013 and 2014
    Msn,
}

impl Portal {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Yahoo, Self::Msn];

    /// The name that cameras ask for.
    pub fn host(self) -> &'static str {
        match self {
            Self::Yahoo => "www.yahoo.co.kr",
            Self::Msn => "www.msn.com",
        }
    }
}

/// An answer to a hotspot check that wants one of two (`protocol.md` 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotspotAnswer {
    /// Always the redirect.
    Redirect,
    /// Always the cookie.
    Cookie,
}

/// Who may send: `SENDERS`. Copies are of one list: a reload changes all.
#[derive(Debug, Clone)]
pub struct Senders(Arc<Current<Vec<Sender>>>);

/// One address that may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// In the operator's spelling.
    pub address: String,
    /// Hash of the password that it must log in with; any password will do
    /// when there is none.
    pub password: Option<String>,
}

impl Senders {
    /// Exactly these.
    pub fn new(senders: impl IntoIterator<Item = Sender>) -> Self {
        Self(Arc::new(Current::new(senders.into_iter().collect())))
    }

    /// From now on those of `other`.
    pub fn replace(&self, other: &Self) {
        self.0.replace(other.0.now().to_vec());
    }

    /// The address that is listed first.
    pub fn first(&self) -> Option<String> {
        self.0.now().first().map(|sender| sender.address.clone())
    }

    /// The sender of this address, in whatever case it is written.
    pub fn find(&self, address: &str) -> Option<Sender> {
        let wanted = address.to_lowercase();
        let senders = self.0.now();
        senders.iter().find(|sender| sender.address.to_lowercase() == wanted).cloned()
    }
}

/// Services that cameras are known to offer (`protocol.md` 3).
pub const SERVICES: [&str; 17] = [
    "facebook",
    "picasa",
    "youtube",
    "photobucket",
    "samsungimaging",
    "cyworld",
    "me2day",
    "poco",
    "weibo",
    "renren",
    "vkontakte",
    "odnoklassniki",
    "kakaostory",
    "evernote",
    "skydrive",
    "flickr",
    "dropbox",
];

/// Services of sharing menus that are served. Copies are of one list: a reload
/// changes all.
#[derive(Debug, Clone)]
pub struct Services(Arc<Current<BTreeSet<String>>>);

impl Services {
    /// Those that are known, and `others`.
    pub fn with<'a>(others: impl IntoIterator<Item = &'a String>) -> Self {
        let known = SERVICES.iter().map(|&service| service.to_owned());
        let all = known.chain(others.into_iter().cloned()).collect();
        Self(Arc::new(Current::new(all)))
    }

    /// From now on those of `other`.
    pub fn replace(&self, other: &Self) {
        self.0.replace(BTreeSet::clone(&other.0.now()));
    }

    /// Whether `service` is one of them.
    pub fn contains(&self, service: &str) -> bool {
        self.0.now().contains(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_the_open_files_or_say_so() {
        let limits = Limits::default();
        assert_eq!(limits.fitting(4096), (limits, None));
        let (fitting, words) = limits.fitting(256);
        assert_eq!((fitting.connections, fitting.of_one_address()), (80, 64));
        assert!(words.unwrap().contains("80 of 512 fit the limit of 256 open files"));
        assert_eq!(limits.fitting(10).0.connections, FEWEST);
    }

    #[test]
    fn a_byte_a_second_is_too_slow_and_2g_is_not() {
        let is_too_slow = |received, seconds| {
            Limits::default().is_too_slow(received, Duration::from_secs(seconds))
        };
        assert!(is_too_slow(60, 60));
        assert!(!is_too_slow(10, 10), "may just have begun");
        assert!(!is_too_slow(5_000 * 60, 60));
        assert!(is_too_slow(5_000 * 60, 3600), "stopped after a minute");
    }
}
