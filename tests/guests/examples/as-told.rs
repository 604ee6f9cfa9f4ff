//! Does what the text of the upload says: `files N` in `check`; `fail N` fails
//! the first N attempts, `after N` with that advice, `trap`, `reject`,
//! `sleep N` (milliseconds), `note` keeps notes of each attempt. With the setting `FAIL = true` every attempt fails.

use std::thread;
use std::time::Duration;

use afterimage_test_guests::{
    Failure, Receipt, Rejection, Upload, action, bindings, receipt, rejection, settings,
};
use bindings::afterimage::action::progress;
use bindings::afterimage::action::uploads::RetryAdvice;

fn check(draft: Upload) -> Result<u32, Rejection> {
    Ok(told(&draft, "files").unwrap_or(1))
}

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    if let Some(milliseconds) = told(&upload, "sleep") {
        thread::sleep(Duration::from_millis(milliseconds.into()));
    }
    let notes = if upload.body.contains("note") { keep_notes(upload.attempt) } else { None };
    if upload.body.contains("trap") {
        panic!("told to trap");
    }
    if upload.body.contains("reject") {
        return Err(Failure::Reject(rejection("told to reject")));
    }
    let settings: serde_json::Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    if settings["FAIL"] == true || told(&upload, "fail").is_some_and(|n| upload.attempt <= n) {
        return Err(Failure::Retry(RetryAdvice {
            after_seconds: told(&upload, "after"),
            reason: format!("told to fail attempt {}", upload.attempt),
        }));
    }
    let names: Vec<&str> = upload.files.iter().map(|file| file.name.as_str()).collect();
    let notes = notes.map(|notes| format!(", remembering {notes}")).unwrap_or_default();
    Ok(receipt(format!("did {:?} with {}{notes}", upload.body, names.join(" "))))
}

/// The notes of the attempt before; those of this one replace them.
fn keep_notes(attempt: u32) -> Option<String> {
    let before = progress::load();
    let saved = progress::save(format!("attempt {attempt}").as_bytes());
    assert!(saved.is_ok(), "{saved:?}");
    before.map(|notes| String::from_utf8_lossy(&notes).into_owned())
}

/// The number after `word` in the text.
fn told(upload: &Upload, word: &str) -> Option<u32> {
    upload.body.split(word).nth(1)?.split_whitespace().next()?.parse().ok()
}

action!(check, deliver);
