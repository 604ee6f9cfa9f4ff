//! What the answers to cameras have in common.

use std::net::IpAddr;
use std::sync::Arc;

use super::memory::Memory;
use super::passwords::Passwords;
use super::pending_logins::PendingLogins;
use super::places::Share;
use super::settings::Settings;
use crate::spool::Sessions;

/// What every request may need.
pub(super) struct State<I> {
    /// Where uploads go.
    pub(super) intake: I,
    pub(super) settings: Settings,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) passwords: Passwords,
    /// What uploads hold in memory.
    pub(super) memory: Memory,
    /// Logins that wait for their page.
    pub(super) oauth: PendingLogins,
}

/// Who asks.
pub(super) struct Caller {
    /// The camera's address, also behind a proxy.
    pub(super) address: IpAddr,
    /// What it may use up of what all share.
    pub(super) share: Share,
}

impl<I> State<I> {
    pub(super) fn new(settings: Settings, sessions: Arc<dyn Sessions>, intake: I) -> Self {
        Self {
            intake,
            settings,
            sessions,
            passwords: Passwords::default(),
            memory: Memory::default(),
            oauth: PendingLogins::default(),
        }
    }
}
