//! `mail`: e-mail through the operator's server.
//!
//! Threat: a guest, or a camera through it, that sends to strangers, forges a
//! header by a line break, or learns the account. So recipients are those of
//! the upload or of the grant, every text that becomes a header is refused
//! with a control character in it, sender and identity are the host's, and
//! server and password never leave [`Mailer`]. Attachments stream from the
//! spool and never lie in memory whole.

mod dial;
mod features;
mod header;
mod message;
mod parts;
mod session;
mod settings;
mod stream;
mod talk;
mod transport;
mod trust;
mod wire;

use std::sync::Arc;

pub use settings::{Account, MailServer, Security, Trust};
pub use transport::Mailer;
pub use trust::authorities;

use wasmtime::component::HasSelf;

use super::call::{Call, Grant, Guest, Interface};
use super::{Facilities, MailGrant};
use crate::contract::{self, mail::*};

/// Recipients of one transaction. Postfix takes 1000, large providers 100.
const RECIPIENTS: usize = 100;
/// Recipients that the header of a message names.
const NAMED: usize = 1000;
/// Parts of one message: the files of an upload, and some.
const PARTS: usize = 120;
/// Messages of one call.
const MESSAGES: usize = 20;

/// `mail` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "mail",
        link: |linker| {
            contract::mail::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().mail
            })
        },
        grant: Some(Grant {
            example: "MAIL = []",
            shown: |grants| {
                grants.mail.as_ref().map(|grant| format!("MAIL = {:?}", grant.recipients))
            },
        }),
    }
}

/// The mail that one call may send.
pub struct Mail {
    call: Call,
    grant: Option<MailGrant>,
    facilities: Arc<Facilities>,
    messages: usize,
}

impl Mail {
    pub(super) fn new(call: Call, grant: Option<MailGrant>, facilities: Arc<Facilities>) -> Self {
        Self { call, grant, facilities, messages: 0 }
    }

    fn allowed(&self, message: &Message) -> Result<(), MailError> {
        let denied = |remedy: &str| MailError::Denied(self.call.refuse("mail", remedy));
        let Some(grant) = &self.grant else {
            return Err(denied("ALLOW = { MAIL = [] }"));
        };
        let known = |address: &str| {
            let mut known = self.call.delivery.recipients.iter().chain(&grant.recipients);
            known.any(|known| known.eq_ignore_ascii_case(address))
        };
        match message.to.iter().chain(&message.cc).find(|address| !known(address)) {
            Some(stranger) => Err(denied(&format!("ALLOW = {{ MAIL = [{stranger:?}] }}"))),
            None => Ok(()),
        }
    }
}

impl contract::mail::Host for Mail {
    async fn send(&mut self, message: Message) -> wasmtime::Result<Result<Sent, MailError>> {
        if let Err(text) = self.call.allows("sent") {
            return Ok(Err(MailError::Denied(text)));
        }
        self.messages += 1;
        if self.messages > MESSAGES {
            let text = format!("more than {MESSAGES} messages in one delivery");
            return Ok(Err(MailError::Denied(text)));
        }
        let named = message.to.len() + message.cc.len();
        let recipients = match message.only.len() {
            0 => named,
            some => some,
        };
        let fits = named <= NAMED && recipients <= RECIPIENTS && message.parts.len() <= PARTS;
        if named == 0 || !fits {
            return Ok(Err(MailError::Invalid(format!(
                "{recipients} recipients at once, {named} in all, and {} parts; a message goes \
                 to 1 to {RECIPIENTS} at once of up to {NAMED}, and has up to {PARTS}",
                message.parts.len()
            ))));
        }
        if let Err(error) = self.allowed(&message) {
            return Ok(Err(error));
        }
        let mailer = &self.facilities.mailer;
        let outgoing = match message::Outgoing::new(&self.call.delivery, message, mailer.config()) {
            Ok(outgoing) => outgoing,
            Err(text) => return Ok(Err(MailError::Invalid(text))),
        };
        Ok(mailer.send(outgoing, &self.call.offline).await)
    }
}
