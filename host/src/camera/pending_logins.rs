//! Logins by OAuth that wait for somebody to open their page
//! (`protocol.md` 6).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many are remembered.
const PENDING: usize = 64;

/// Logins whose page was not asked for yet.
#[derive(Default)]
pub(super) struct PendingLogins(Mutex<VecDeque<PendingLogin>>);

/// One of them.
#[derive(Clone)]
pub(super) struct PendingLogin {
    pub(super) session: String,
    pub(super) service: String,
}

impl PendingLogins {
    /// Lets a login wait; the ticket that its page is asked for with.
    pub(super) fn add(&self, session: &str, service: &str) -> String {
        let login = PendingLogin { session: session.to_owned(), service: service.to_owned() };
        let ticket = login.ticket().to_owned();
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.truncate(PENDING - 1);
        pending.push_front(login);
        ticket
    }

    /// The login of this ticket.
    pub(super) fn find(&self, ticket: &str) -> Option<PendingLogin> {
        let pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.iter().find(|login| login.ticket() == ticket).cloned()
    }
}

impl PendingLogin {
    /// What tells the page's address from others. Half of the session's key:
    /// an attribute with all of it would be longer than is safe for cameras
    /// (`protocol.md` 1.4), and nobody can guess 64 bits.
    fn ticket(&self) -> &str {
        &self.session[self.session.len() / 2..]
    }
}
