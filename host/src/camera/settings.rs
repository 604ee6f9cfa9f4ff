//! What an operator decides about the camera side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::hotspot::Portal;
use crate::current::Current;
use crate::spool::FreeSpace;

/// What an operator decides about the camera side.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may send.
    pub senders: Senders,
    /// Services of sharing menus that are served.
    pub services: BTreeSet<String>,
    /// How the hotspot check of a host is answered; alternately where absent.
    pub hotspot: BTreeMap<Portal, HotspotAnswer>,
    /// Largest upload, in bytes.
    pub largest_upload: u64,
    /// Space that no upload may use.
    pub free_space: FreeSpace,
    /// Folder of raw requests, when they shall be kept.
    pub capture_folder: Option<PathBuf>,
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

    /// The sender of this address, in whatever case it is written.
    pub fn find(&self, address: &str) -> Option<Sender> {
        let wanted = address.to_lowercase();
        let senders = self.0.now();
        senders.iter().find(|sender| sender.address.to_lowercase() == wanted).cloned()
    }
}
