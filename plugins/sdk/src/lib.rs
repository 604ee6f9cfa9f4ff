//! What a Rust author of an action needs beside `std`: the contract's types
//! and functions, typed settings, logging, [`http`], and [`export!`].
//!
//! The bindings are those of everything that the host offers, yet a component
//! imports, and so asks for, only what its code reaches.
//!
//! ```ignore
//! use afterimage_sdk::{Action, Failure, Receipt, Rejection, Upload, export, receipt};
//!
//! struct Ignore;
//!
//! impl Action for Ignore {
//!     fn check(_: Upload) -> Result<u32, Rejection> {
//!         Ok(1)
//!     }
//!
//!     fn deliver(upload: Upload) -> Result<Receipt, Failure> {
//!         Ok(receipt(format!("ignored {} files", upload.files.len())))
//!     }
//! }
//!
//! export!(Ignore);
//! ```

#[doc(hidden)]
pub mod bindings {
    #![allow(missing_docs, unsafe_code, unreachable_pub, reason = "generated; see wit/")]
    wit_bindgen::generate!({
        path: "../../wit",
        world: "action-full",
        pub_export_macro: true,
        default_bindings_module: "afterimage_sdk::bindings",
    });
}

pub mod http;
mod settings;

pub use bindings::afterimage::action::uploads::{
    Failure, File, Origin, Receipt, Rejection, RejectionReason, RetryAdvice, Upload,
};
pub use bindings::afterimage::action::{files, log, mail, process, progress, store};
pub use bindings::exports::afterimage::action::handler::Guest as Action;
pub use settings::{Secret, SettingsError, settings};

/// Makes the type given the action of this component.
#[macro_export]
macro_rules! export {
    ($action:ident) => {
        // Native linkers do not take the `:` and `@` in the names of the exports.
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "generated")]
        mod export {
            $crate::bindings::export!(Action);

            use super::$action as Action;
        }
    };
}

/// Writes a line into the host's log, for the operator.
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Info, &format!($($text)*), &[]) };
}

/// Writes a line into the host's log that the operator may want to act on.
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Warn, &format!($($text)*), &[]) };
}

/// Writes a line into the host's log, for the author of the action.
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Debug, &format!($($text)*), &[]) };
}

impl File {
    /// Opens the file, which is read-only. Not possible in `check`.
    ///
    /// # Errors
    /// Those of the system, for instance when called in `check`.
    pub fn open(&self) -> std::io::Result<std::fs::File> {
        std::fs::File::open(&self.path)
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        use store::StoreError;

        match error {
            StoreError::Full => retry("the disk is full"),
            StoreError::Io(error) => retry(error),
            StoreError::Denied(text) | StoreError::InvalidName(text) => {
                reject(RejectionReason::Other, text)
            }
            StoreError::NoSuchFile => reject(RejectionReason::Other, "a file is missing"),
        }
    }
}

/// A receipt without links.
pub fn receipt(summary: impl Into<String>) -> Receipt {
    Receipt { summary: summary.into(), links: Vec::new() }
}

/// A failure that the host's own schedule may heal.
pub fn retry(reason: impl Into<String>) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds: None, reason: reason.into() })
}

/// A rejection; `message` is what the camera's owner reads.
pub fn rejection(reason: RejectionReason, message: impl Into<String>) -> Rejection {
    Rejection { reason, message: message.into() }
}

/// A failure that no later attempt heals.
pub fn reject(reason: RejectionReason, message: impl Into<String>) -> Failure {
    Failure::Reject(rejection(reason, message))
}
