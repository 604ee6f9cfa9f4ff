//! `mastodon`: posts the pictures of an upload, each with its alt text, on a
//! server that speaks Mastodon's API.
//!
//! The text of an upload is `said~alt text~alt text`, one for each picture. The
//! token never comes here: the host adds it to the requests.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod api;
mod count;
mod delivery;
mod failure;
mod settings;
mod text;
mod time;

use afterimage_sdk::{
    Action, Failure, File, Origin, Receipt, Rejection, RejectionReason, Upload, export, rejection,
    settings,
};
use settings::{MissingAlt, Settings, TooMany};
use text::Text;

/// Files of one post on Mastodon. What this server takes is not known while
/// the camera waits.
const USUAL_FILES: usize = 4;

/// The action.
pub struct Mastodon;

export!(Mastodon);

impl Action for Mastodon {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        let settings: Settings = settings()?;
        let text = Text::parse(&draft.body, settings.missing_alt).map_err(|_| no_alt_text())?;
        let (files, alt_texts) = (draft.files.len(), text.alt_texts.len());
        match (draft.origin, settings.missing_alt) {
            (Origin::Email, MissingAlt::Reject) if files != alt_texts => return Err(no_alt_text()),
            (Origin::Email, MissingAlt::Post) if files == 0 || files < alt_texts => {
                let message = format!("{alt_texts} alt-texts for {files} files");
                return Err(rejection(RejectionReason::Invalid, message));
            }
            // More may come.
            (Origin::Social, MissingAlt::Reject) if files > alt_texts => return Err(no_alt_text()),
            _ => {}
        }
        if settings.strip_location {
            may_leave(&draft.files)?;
        }
        let length = count::length(&delivery::said(&settings, &draft, &text));
        if length > settings.max_characters {
            let message = format!(
                "the text has {length} characters, MAX_CHARACTERS = {} are allowed",
                settings.max_characters
            );
            return Err(rejection(RejectionReason::TooLarge, message));
        }
        let all = alt_texts.max(files).max(1);
        if settings.on_too_many == TooMany::Reject && all > USUAL_FILES {
            let message = format!("{all} files are more than the {USUAL_FILES} of a post");
            return Err(rejection(RejectionReason::TooLarge, message));
        }
        u32::try_from(alt_texts.max(1)).map_err(|_| no_alt_text())
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let settings: Settings = settings()?;
        let text = Text::parse(&upload.body, settings.missing_alt)
            .map_err(|_| Failure::Reject(no_alt_text()))?;
        delivery::deliver(&settings, &upload, &text)
    }
}

/// Refuses kinds of files whose place cannot be removed. There are no bytes
/// yet; those are looked at when the file is delivered.
fn may_leave(files: &[File]) -> Result<(), Rejection> {
    match files.iter().find(|file| !afterimage_place::may_leave(&file.content_type, &file.name)) {
        None => Ok(()),
        Some(file) => {
            let message = format!(
                "{}: the place cannot be removed from {}; STRIP_LOCATION = false lets it pass",
                file.name, file.content_type
            );
            Err(rejection(RejectionReason::Unsupported, message))
        }
    }
}

fn no_alt_text() -> Rejection {
    rejection(RejectionReason::Invalid, "No alt-text")
}
