//! `store`: keeps every file of an upload in the folder that the host assigns.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package afterimage:plugins;
            world store {
                include afterimage:action/action@0.1.0;
                import afterimage:action/store@0.1.0;
            }
        ",
        world: "afterimage:plugins/store",
        generate_all,
    });
}

use bindings::afterimage::action::store::{self, StoreError};
use bindings::afterimage::action::uploads::{RejectionReason, RetryAdvice};
use bindings::exports::afterimage::action::handler::{Failure, Guest, Receipt, Rejection, Upload};

/// The action.
pub struct Store;

// Native linkers do not take the `:` and `@` in the names of the exports.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Store, bindings};

    bindings::export!(Store with_types_in bindings);
}

impl Guest for Store {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        if draft.files.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "no file to store"));
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let places: Result<Vec<String>, StoreError> =
            upload.files.iter().map(|file| store::put(file.index, &file.name)).collect();
        match places {
            Ok(places) => {
                Ok(Receipt { summary: format!("stored {}", places.join(", ")), links: Vec::new() })
            }
            Err(StoreError::Full) => Err(retry("the disk is full")),
            Err(StoreError::Io(error)) => Err(retry(&error)),
            Err(StoreError::Denied(text) | StoreError::InvalidName(text)) => {
                Err(Failure::Reject(rejection(RejectionReason::Other, &text)))
            }
            Err(StoreError::NoSuchFile) => {
                Err(Failure::Reject(rejection(RejectionReason::Other, "a file is missing")))
            }
        }
    }
}

fn retry(reason: &str) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds: None, reason: reason.to_owned() })
}

fn rejection(reason: RejectionReason, message: &str) -> Rejection {
    Rejection { reason, message: message.to_owned() }
}
