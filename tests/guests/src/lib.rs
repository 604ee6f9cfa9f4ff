//! What the test guests share: the bindings and a short way to export an action.
//!
//! Each guest is an example of this package, named after its one behaviour. The
//! bindings are those of the largest world, yet a component imports only what
//! its code reaches: a guest that never calls `store` does not ask for it.

pub mod bindings {
    #![allow(missing_docs, unsafe_code, unreachable_pub, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit",
        world: "action-full",
        pub_export_macro: true,
        default_bindings_module: "afterimage_test_guests::bindings",
    });
}

pub use bindings::afterimage::action::uploads::{
    Failure, Origin, Receipt, Rejection, RejectionReason, Upload,
};
pub use bindings::afterimage::action::{log, settings, store};

/// Exports `deliver` as the action, with a `check` that answers 1 or, where
/// given, with one of the guest's own.
#[macro_export]
macro_rules! action {
    ($deliver:path) => {
        $crate::action!($crate::one_file, $deliver);
    };
    ($check:path, $deliver:path) => {
        /// The action of this guest.
        pub struct Action;

        impl $crate::bindings::exports::afterimage::action::handler::Guest for Action {
            fn check(draft: $crate::Upload) -> Result<u32, $crate::Rejection> {
                $check(draft)
            }

            fn deliver(upload: $crate::Upload) -> Result<$crate::Receipt, $crate::Failure> {
                $deliver(upload)
            }
        }

        // Native linkers do not take the `:` and `@` in the names of the exports.
        #[cfg(target_family = "wasm")]
        $crate::bindings::export!(Action);
    };
}

/// The `check` of guests whose behaviour lies elsewhere.
pub fn one_file(_: Upload) -> Result<u32, Rejection> {
    Ok(1)
}

/// The `deliver` of guests whose behaviour lies elsewhere.
pub fn delivered(_: Upload) -> Result<Receipt, Failure> {
    Ok(receipt("delivered"))
}

/// A receipt without links.
pub fn receipt(summary: impl Into<String>) -> Receipt {
    Receipt { summary: summary.into(), links: Vec::new() }
}

/// A rejection of no particular kind.
pub fn rejection(message: impl Into<String>) -> Rejection {
    Rejection { reason: RejectionReason::Other, message: message.into() }
}
