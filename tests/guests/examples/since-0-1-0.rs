//! Built from the contract as it was when 0.1.0 was written down: an action of
//! the smallest world.
#![allow(unsafe_code, reason = "generated")]

mod bindings {
    #![allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
    wit_bindgen::generate!({
        path: "../data/contract-0.1.0",
        world: "action",
        pub_export_macro: true,
        default_bindings_module: "bindings",
    });
}

use bindings::afterimage::action::settings;
use bindings::afterimage::action::uploads::{Failure, Receipt, Rejection, Upload};

struct Action;

impl bindings::exports::afterimage::action::handler::Guest for Action {
    fn check(_: Upload) -> Result<u32, Rejection> {
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let (files, settings) = (upload.files.len(), settings::json());
        let summary = format!("{files} of {}, {settings}", upload.sender);
        Ok(Receipt { summary, links: Vec::new() })
    }
}

// Native linkers do not take the `:` and `@` in the names of the exports.
#[cfg(target_family = "wasm")]
bindings::export!(Action with_types_in bindings);
