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

use super::offline::Offline;
use super::{Facilities, MailGrant, Refusal};
use crate::contract::{self, mail::*};
use crate::upload::Delivery;

/// Recipients of one transaction. Postfix takes 1000, large providers 100.
const RECIPIENTS: usize = 100;
/// Recipients that the header of a message names.
const NAMED: usize = 1000;
/// Parts of one message: the files of an upload, and some.
const PARTS: usize = 120;
/// Messages of one call.
const MESSAGES: usize = 20;

/// The mail that one call may send.
pub struct Mail {
    delivery: Arc<Delivery>,
    in_check: bool,
    grant: Option<MailGrant>,
    facilities: Arc<Facilities>,
    messages: usize,
    offline: Offline,
}

impl Mail {
    pub(super) fn new(
        delivery: Arc<Delivery>,
        in_check: bool,
        grant: Option<MailGrant>,
        facilities: Arc<Facilities>,
        offline: Offline,
    ) -> Self {
        Self { delivery, in_check, grant, facilities, messages: 0, offline }
    }

    fn allowed(&self, message: &Message) -> Result<(), MailError> {
        let denied = |remedy| {
            let refusal = Refusal { what: "mail", remedy };
            MailError::Denied(refusal.report(&self.delivery))
        };
        let Some(grant) = &self.grant else {
            return Err(denied("ALLOW = { MAIL = [] }".to_owned()));
        };
        let known = |address: &str| {
            let mut known = self.delivery.recipients.iter().chain(&grant.recipients);
            known.any(|known| known.eq_ignore_ascii_case(address))
        };
        match message.to.iter().chain(&message.cc).find(|address| !known(address)) {
            Some(stranger) => Err(denied(format!("ALLOW = {{ MAIL = [{stranger:?}] }}"))),
            None => Ok(()),
        }
    }
}

impl contract::mail::Host for Mail {
    async fn send(&mut self, message: Message) -> wasmtime::Result<Result<Sent, MailError>> {
        if self.in_check {
            return Ok(Err(MailError::Denied("nothing can be sent in check".to_owned())));
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
        let outgoing = match message::Outgoing::new(&self.delivery, message, mailer.config()) {
            Ok(outgoing) => outgoing,
            Err(text) => return Ok(Err(MailError::Invalid(text))),
        };
        Ok(mailer.send(outgoing, &self.offline).await)
    }
}
