//! `ignore`: takes every upload and does nothing with it.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "action" });
}

use bindings::exports::afterimage::action::handler::{Failure, Guest, Receipt, Rejection, Upload};

/// The action.
pub struct Ignore;

// Native linkers do not take the `:` and `@` in the names of the exports.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Ignore, bindings};

    bindings::export!(Ignore with_types_in bindings);
}

impl Guest for Ignore {
    fn check(_draft: Upload) -> Result<u32, Rejection> {
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let summary = format!("ignored {} files", upload.files.len());
        Ok(Receipt { summary, links: Vec::new() })
    }
}
