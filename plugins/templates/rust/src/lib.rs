//! Reads every file of an upload and says how long it is.

wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });

use afterimage::action::log::{self, Level};
use afterimage::action::settings;
use afterimage::action::uploads::{RejectionReason, RetryAdvice};
use exports::afterimage::action::handler::{Failure, Guest, Receipt, Rejection, Upload};

struct Plugin;

impl Guest for Plugin {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        if draft.files.is_empty() {
            let message = "nothing to deliver".to_owned();
            return Err(Rejection { reason: RejectionReason::Invalid, message });
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        log::write(Level::Info, &format!("settings {}", settings::json()), &[]);
        let mut read = Vec::new();
        for file in &upload.files {
            let bytes = std::fs::read(&file.path).map_err(|error| {
                let reason = error.to_string();
                Failure::Retry(RetryAdvice { after_seconds: None, reason })
            })?;
            read.push(format!("{} ({} bytes)", file.name, bytes.len()));
        }
        let summary = format!("read {} from {}", read.join(", "), upload.sender);
        Ok(Receipt { summary, links: Vec::new() })
    }
}

#[cfg(target_family = "wasm")]
export!(Plugin);
