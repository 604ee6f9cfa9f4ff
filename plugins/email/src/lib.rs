//! `email`: sends an upload on as an e-mail, all files attached, one message
//! with all its recipients.

mod outcome;

use afterimage_sdk::mail::{self, MailError, Message, Part};
use afterimage_sdk::{
    Action, Failure, Receipt, Rejection, RejectionReason, Upload, export, progress, receipt,
    reject, rejection, retry, settings,
};
use serde::Deserialize;

use outcome::Outcomes;

/// The action.
pub struct Email;

export!(Email);

/// `[EMAIL]`, and the largest message that the host sends.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Settings {
    /// Who gets what comes without recipients.
    #[serde(default)]
    to: To,
    /// Bytes.
    max_size: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum To {
    One(String),
    Several(Vec<String>),
}

impl Default for To {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

/// Bytes that the header and the ends of the parts take, generously.
const HEADER: u64 = 4 << 10;
/// The same for one file.
const PART_HEADER: u64 = 512;

impl Action for Email {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        let settings: Settings = settings()?;
        if draft.files.is_empty() && draft.body.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "nothing to send"));
        }
        let recipients = recipients(&draft, &settings);
        if recipients.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "no recipient"));
        }
        if recipients.iter().any(|address| address.chars().any(char::is_control)) {
            return Err(rejection(RejectionReason::Invalid, "line break in a recipient"));
        }
        if draft.subject.chars().any(char::is_control) {
            return Err(rejection(RejectionReason::Invalid, "line break in the subject"));
        }
        // Base64: 78 bytes for 57.
        let files: u64 =
            draft.files.iter().map(|file| file.size.div_ceil(57) * 78 + PART_HEADER).sum();
        let size = files + draft.body.len() as u64 * 2 + HEADER;
        if size > settings.max_size {
            let message = format!(
                "{} MB as e-mail, {} MB allowed",
                size.div_ceil(1_000_000),
                settings.max_size / 1_000_000
            );
            return Err(rejection(RejectionReason::TooLarge, message));
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let settings: Settings = settings()?;
        let to = recipients(&upload, &settings);
        let mut outcomes = Outcomes::read(&progress::load().unwrap_or_default());
        let open = outcomes.open(&to);
        if open.is_empty() {
            return conclude(&outcomes);
        }
        let message = Message {
            to,
            cc: Vec::new(),
            only: open.clone(),
            reply_to: None,
            subject: match upload.subject.is_empty() {
                true => "Photo".to_owned(),
                false => upload.subject,
            },
            text: upload.body,
            html: None,
            parts: upload.files.iter().map(|file| Part::File(file.index)).collect(),
        };
        let sent = mail::send(&message).map_err(|error| match error {
            MailError::Temporary(reply) => retry(reply.text),
            MailError::Permanent(reply) => refused(&outcomes, &outcomes.with(&reply.text)),
            MailError::Denied(text) => reject(RejectionReason::Unauthorized, text),
            MailError::Invalid(text) => reject(RejectionReason::Invalid, text),
        })?;
        let mut later = None;
        for address in open {
            match sent.refused.iter().find(|refused| refused.address == address) {
                None => outcomes.sent(address),
                Some(refused) if refused.reply.code >= 500 => {
                    outcomes.refused(address, refused.reply.text.clone());
                }
                Some(refused) => later = Some(refused.reply.text.clone()),
            }
        }
        if let Some(reason) = later {
            // Without this note, those who have it would get it again.
            progress::save(&outcomes.notes()).map_err(retry)?;
            return Err(retry(reason));
        }
        conclude(&outcomes)
    }
}

/// To everybody, or to some and for good not to others.
fn conclude(outcomes: &Outcomes) -> Result<Receipt, Failure> {
    match outcomes.refusal() {
        None => Ok(receipt(outcomes.summary())),
        Some(text) => Err(refused(outcomes, &text)),
    }
}

/// The end, unless the operator lets it be tried again: then for those who
/// have not got it.
fn refused(outcomes: &Outcomes, text: &str) -> Failure {
    match progress::save(&outcomes.notes_of_sent()) {
        Ok(()) => reject(RejectionReason::Other, text),
        Err(error) => retry(error),
    }
}

fn recipients(upload: &Upload, settings: &Settings) -> Vec<String> {
    match (&settings.to, upload.recipients.is_empty()) {
        (_, false) => upload.recipients.clone(),
        (To::One(to), true) => vec![to.clone()],
        (To::Several(to), true) => to.clone(),
    }
}
