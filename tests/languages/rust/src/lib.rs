//! The sink of `tests/languages.rs` in Rust.

wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });

use sha2::{Digest, Sha256};

use afterimage::action::files::FileError;
use afterimage::action::log::{self, Level};
use afterimage::action::uploads::{RejectionReason, RetryAdvice};
use afterimage::action::{files, progress, settings};
use exports::afterimage::action::handler::{Failure, Guest, Receipt, Rejection, Upload};

struct Sink;

impl Guest for Sink {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        let refuse = |reason, message: String| Err(Rejection { reason, message });
        if album().is_none() {
            return refuse(RejectionReason::Other, "ALBUM is missing".to_owned());
        }
        if draft.files.is_empty() {
            return refuse(RejectionReason::Invalid, "nothing to deliver".to_owned());
        }
        if draft.sender.starts_with("stranger@") {
            return refuse(RejectionReason::Unauthorized, "no stranger's pictures".to_owned());
        }
        if let Some(file) = draft.files.iter().find(|file| file.content_type == "video/mp4") {
            return refuse(RejectionReason::Unsupported, format!("no videos: {}", file.name));
        }
        if draft.files.len() > 3 {
            return refuse(RejectionReason::TooLarge, "at most 3 pictures".to_owned());
        }
        Ok(if draft.service.is_some() { 2 } else { 1 })
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        match upload.body.as_str() {
            "trap" => panic!("told to trap"),
            "busy" => return Err(retry(Some(60))),
            "later" => return Err(retry(None)),
            "full" => {
                let message = "the album is full".to_owned();
                let reason = RejectionReason::TooLarge;
                return Err(Failure::Reject(Rejection { reason, message }));
            }
            _ => {}
        }
        let album = album().expect("check has seen it");
        let before = match progress::load() {
            Some(notes) => format!("again after {}", String::from_utf8_lossy(&notes)),
            None => {
                let notes = format!("attempt {}", upload.attempt);
                progress::save(notes.as_bytes()).expect("notes are short");
                "first".to_owned()
            }
        };
        let mut read = Vec::new();
        let mut links = Vec::new();
        for file in &upload.files {
            let bytes = std::fs::read(&file.path).expect("the file is there");
            let sha256 = format!("{:x}", Sha256::digest(&bytes));
            log::write(
                Level::Info,
                &format!("read {}", file.name),
                &[
                    ("bytes".to_owned(), bytes.len().to_string()),
                    ("sha256".to_owned(), sha256.clone()),
                ],
            );
            read.push(format!("{} ({} bytes, sha256 {sha256})", file.name, bytes.len()));
            links.push(format!("https://photos.example.org/{album}/{}", file.name));
        }
        if let Err(FileError::NoSuchFile) = files::read(read.len() as u32, 0) {
            log::write(Level::Debug, "no more files", &[]);
        }
        let summary = format!(
            "{album}: {}; from {} to {} with {}; {}; {before}",
            read.join(", "),
            upload.sender,
            upload.recipients.join(" "),
            upload.camera.as_deref().unwrap_or("some camera"),
            upload.subject,
        );
        Ok(Receipt { summary, links })
    }
}

fn album() -> Option<String> {
    let settings: serde_json::Value = serde_json::from_str(&settings::json()).ok()?;
    settings["ALBUM"].as_str().map(str::to_owned)
}

fn retry(after_seconds: Option<u32>) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds, reason: "the album is busy".to_owned() })
}

export!(Sink);
