//! One attempt: whom it goes to in one transaction after the other.

use afterimage_sdk::mail::{self, MailError, Message, Part};
use afterimage_sdk::{Failure, RejectionReason, Upload, reject, retry};

use crate::in_one_line;
use crate::outcome::Outcomes;

/// Messages of one attempt; the host sends no more.
pub(crate) const MESSAGES: usize = 20;
/// Recipients of one transaction; the host names no more.
const AT_ONCE: usize = 100;
/// "Too many recipients", and the others in the next transaction
/// (RFC 5321 4.5.3.1.10).
const TOO_MANY: u16 = 452;

/// The message, and who has got it so far.
pub(crate) struct Round {
    message: Message,
    pub(crate) outcomes: Outcomes,
    /// Who is tried again at the next attempt, and why.
    later: Vec<(String, String)>,
}

impl Round {
    pub(crate) fn new(upload: &Upload, to: Vec<String>, outcomes: Outcomes) -> Self {
        let subject = in_one_line(&upload.subject);
        let message = Message {
            to,
            cc: Vec::new(),
            only: Vec::new(),
            reply_to: None,
            subject: match subject.is_empty() {
                true => "Photo".to_owned(),
                false => subject,
            },
            text: upload.body.clone(),
            html: None,
            parts: upload.files.iter().map(|file| Part::File(file.index)).collect(),
        };
        Self { message, outcomes, later: Vec::new() }
    }

    /// Who gets the next transaction.
    pub(crate) fn next(&self) -> Vec<String> {
        let mut open = self.outcomes.open(&self.message.to);
        open.retain(|address| !self.later.iter().any(|(later, _)| later == address));
        open.truncate(AT_ONCE);
        open
    }

    /// Sends to `batch`, and notes what became of each.
    pub(crate) fn send(&mut self, batch: Vec<String>) -> Result<(), Failure> {
        self.message.only.clone_from(&batch);
        let sent = match mail::send(&self.message) {
            Ok(sent) => sent,
            Err(MailError::Permanent(reply)) => {
                for address in batch {
                    self.outcomes.refused(address, reply.text.clone());
                }
                return Ok(());
            }
            Err(MailError::Temporary(reply)) => return Err(retry(reply.text)),
            Err(MailError::Denied(text)) => {
                return Err(reject(RejectionReason::Unauthorized, text));
            }
            Err(MailError::Invalid(text)) => return Err(reject(RejectionReason::Invalid, text)),
        };
        let has_gone_to_some = sent.refused.len() < batch.len();
        for address in batch {
            match sent.refused.iter().find(|refused| refused.address == address) {
                None => self.outcomes.sent(address),
                Some(refused) if refused.reply.code >= 500 => {
                    self.outcomes.refused(address, refused.reply.text.clone());
                }
                Some(refused) if refused.reply.code == TOO_MANY && has_gone_to_some => {}
                Some(refused) => self.later.push((address, refused.reply.text.clone())),
            }
        }
        Ok(())
    }

    /// Why somebody has to wait, if anybody has.
    pub(crate) fn put_off(&self) -> Option<String> {
        let waits = self.later.first().map(|(_, reason)| reason.clone());
        let rest = self.next().len();
        waits.or_else(|| (rest > 0).then(|| format!("{rest} recipients are still to come")))
    }
}
