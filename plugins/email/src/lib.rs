//! `email`: sends an upload on as an e-mail, all files attached, one message
//! with all its recipients.

mod outcome;
mod round;

use afterimage_address::Address;
use afterimage_sdk::{
    Action, Failure, Receipt, Rejection, RejectionReason, Upload, export, progress, receipt,
    reject, rejection, retry, settings,
};
use serde::Deserialize;

use outcome::Outcomes;
use round::{MESSAGES, Round};

/// The action.
pub struct Email;

export!(Email);

/// `[EMAIL]`, and what the action must know of the host's mail settings.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Settings {
    /// Who gets what comes without recipients.
    #[serde(default)]
    to: To,
    /// Largest message that the host sends, in bytes.
    max_size: u64,
    /// Whether mail goes out in the operator's name; else in the camera's.
    #[serde(default = "yes")]
    has_sender: bool,
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

fn yes() -> bool {
    true
}

/// Bytes that the header and the ends of the parts take, generously.
const HEADER: u64 = 4 << 10;
/// The same for one file.
const PART_HEADER: u64 = 512;
/// The same for one recipient.
const RECIPIENT: u64 = 384;
/// Recipients of one upload; what became of each is noted.
const RECIPIENTS: usize = 200;

impl Action for Email {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        let settings: Settings = settings()?;
        let invalid = |text: String| rejection(RejectionReason::Invalid, text);
        if draft.files.is_empty() && draft.body.is_empty() {
            return Err(invalid("nothing to send".to_owned()));
        }
        let recipients = recipients(&draft, &settings);
        let Some(first) = recipients.first() else {
            return Err(invalid("no recipient".to_owned()));
        };
        if recipients.len() > RECIPIENTS {
            let text = format!("{} recipients, {RECIPIENTS} allowed", recipients.len());
            return Err(invalid(text));
        }
        // One that is none costs itself; all of them, and nobody gets it.
        if recipients.iter().all(|recipient| recipient.parse::<Address>().is_err()) {
            return Err(invalid(format!("{} is no address", in_one_line(first))));
        }
        if !settings.has_sender && draft.sender.parse::<Address>().is_err() {
            let text = format!("{} is no address to send from", in_one_line(&draft.sender));
            return Err(invalid(text));
        }
        // Base64: 78 bytes for 57.
        let files: u64 =
            draft.files.iter().map(|file| file.size.div_ceil(57) * 78 + PART_HEADER).sum();
        let texts = (draft.body.len() + draft.subject.len()) as u64 * 3;
        let size = files + texts + recipients.len() as u64 * RECIPIENT + HEADER;
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
        let outcomes = Outcomes::read(&progress::load().unwrap_or_default());
        let mut round = Round::new(&upload, to, outcomes);
        for _ in 0..MESSAGES {
            let batch = round.next();
            if batch.is_empty() {
                break;
            }
            let sent = round.send(batch);
            if (sent.is_err() || round.put_off().is_some()) && !round.outcomes.is_empty() {
                // Without this note, those who have it would get it again.
                progress::save(&round.outcomes.notes()).map_err(retry)?;
            }
            sent?;
        }
        match round.put_off() {
            Some(reason) => Err(retry(reason)),
            None => conclude(&round.outcomes),
        }
    }
}

/// To everybody, or to some and for good not to others.
fn conclude(outcomes: &Outcomes) -> Result<Receipt, Failure> {
    let Some(text) = outcomes.refusal() else { return Ok(receipt(outcomes.summary())) };
    // The end, unless the operator lets it be tried again: then for those who
    // have not got it.
    match progress::save(&outcomes.notes_of_sent()) {
        Ok(()) => Err(reject(RejectionReason::Other, text)),
        Err(error) => Err(retry(error)),
    }
}

fn recipients(upload: &Upload, settings: &Settings) -> Vec<String> {
    match (&settings.to, upload.recipients.is_empty()) {
        (_, false) => upload.recipients.clone(),
        (To::One(to), true) => vec![to.clone()],
        (To::Several(to), true) => to.clone(),
    }
}

/// `text` as a header or the camera's screen can have it.
fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}
