//! `ignore`: takes every upload and does nothing with it.

use afterimage_sdk::{Action, Failure, Receipt, Rejection, Upload, export, receipt};

/// The action.
pub struct Ignore;

export!(Ignore);

impl Action for Ignore {
    fn check(_draft: Upload) -> Result<u32, Rejection> {
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        Ok(receipt(format!("ignored {} files", upload.files.len())))
    }
}
