//! Built from the contract as it was when 0.1.0 was written down: an action
//! that uses much of it.
#![allow(unsafe_code, reason = "generated")]

mod bindings {
    #![allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
    wit_bindgen::generate!({
        path: "../data/contract-0.1.0",
        world: "action-full",
        pub_export_macro: true,
        default_bindings_module: "bindings",
    });
}

use bindings::afterimage::action::uploads::{
    Failure, Receipt, Rejection, RejectionReason, RetryAdvice, Upload,
};
use bindings::afterimage::action::{files, log, progress, store};

struct Action;

impl bindings::exports::afterimage::action::handler::Guest for Action {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        log::write(
            log::Level::Debug,
            "asked",
            &[("attempt".to_owned(), draft.attempt.to_string())],
        );
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let later = |reason| Failure::Retry(RetryAdvice { after_seconds: None, reason });
        progress::save(b"begun...").map_err(later)?;
        let notes = progress::load().unwrap_or_default();
        files::read(0, 0).map_err(|error| later(format!("{error:?}")))?;
        let kept = store::put(0, &upload.files[0].name).map_err(|error| {
            let message = format!("{error:?}");
            Failure::Reject(Rejection { reason: RejectionReason::Other, message })
        })?;
        let summary = format!("{kept}, {} bytes of notes", notes.len());
        Ok(Receipt { summary, links: Vec::new() })
    }
}

// Native linkers do not take the `:` and `@` in the names of the exports.
#[cfg(target_family = "wasm")]
bindings::export!(Action with_types_in bindings);
