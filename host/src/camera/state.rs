//! What the answers to cameras have in common.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::settings::Settings;
use super::social::oauth::Logins;
use crate::spool::Sessions;

/// What every request may need.
pub(super) struct State<I> {
    /// Where uploads go.
    pub(super) intake: I,
    pub(super) settings: Settings,
    pub(super) sessions: Arc<dyn Sessions>,
    /// A turn to verify a password.
    pub(super) verifying: Semaphore,
    /// Logins that wait for their page.
    pub(super) oauth: Logins,
}

impl<I> State<I> {
    pub(super) fn new(settings: Settings, sessions: Arc<dyn Sessions>, intake: I) -> Self {
        let verifying = Semaphore::new(1);
        Self { intake, settings, sessions, verifying, oauth: Logins::default() }
    }
}
