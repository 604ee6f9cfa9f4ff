//! Pages for the operator: what waits, what came, the stored pictures. On a
//! listener of their own, never on the cameras' port; nothing is asked of
//! another host, and nothing here edits the configuration.

mod archive;
mod asked;
mod cameras;
mod events;
mod folder;
mod gallery;
mod guard;
mod layout;
mod listener;
mod metrics;
mod now;
mod plugins;
mod reply;
mod routes;
mod send;
mod set_up;
mod thumbnail;
mod uploads;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use listener::Listener;

use crate::networks::Networks;
use crate::spool::Queue;
use guard::Guard;

/// What an operator decides about the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where browsers connect (`WEB_LISTEN`).
    pub listen: SocketAddr,
    /// Hash of the operator's password (`WEB_PASSWORD`); none: whoever reaches
    /// a loopback address is let in.
    pub password: Option<String>,
    /// What a program may send instead of a password (`WEB_TOKEN`).
    pub token: Option<String>,
    /// Names by which browsers may call the server, beside addresses and
    /// `localhost` (`WEB_HOSTS`).
    pub hosts: Vec<String>,
    /// Path below which a proxy offers the pages, `/` at both ends
    /// (`WEB_BASE`).
    pub base: String,
    /// Proxies whose `X-Forwarded-...` are believed (`TRUSTED_PROXIES`).
    pub proxies: Networks,
    /// The stored pictures (`UPLOAD_FOLDER`).
    pub uploads: PathBuf,
    /// Where cameras connect, for the test photo.
    pub cameras: SocketAddr,
    /// In whose name the test photo comes: the first of `SENDERS`.
    pub sender: String,
}

/// An action as the pages show it.
#[derive(Debug, Clone)]
pub struct ActionSheet {
    /// `name` or `name.instance`.
    pub name: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// What it may do, a line each.
    pub allows: Vec<String>,
}

/// Tells what is loaded now.
pub type Loaded = Arc<dyn Fn() -> Vec<ActionSheet> + Send + Sync>;

/// What every page may look at.
pub struct Pages {
    settings: Settings,
    guard: Guard,
    queue: Box<dyn Queue>,
    actions: Loaded,
    events: events::Events,
}

impl Pages {
    /// Pages that show `queue` and the actions that `actions` tells of.
    pub fn new(settings: Settings, queue: Box<dyn Queue>, actions: Loaded) -> Self {
        let guard = Guard::new(&settings);
        let events = events::Events::new();
        Self { settings, guard, queue, actions, events }
    }
}
