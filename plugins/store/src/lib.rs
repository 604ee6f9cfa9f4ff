//! `store`: keeps every file of an upload in the folder that the host assigns.

use afterimage_sdk::{
    Action, Failure, Receipt, Rejection, RejectionReason, Upload, export, receipt, rejection, store,
};

/// The action.
pub struct Store;

export!(Store);

impl Action for Store {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        if draft.files.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "no file to store"));
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let places: Vec<String> = (upload.files.iter())
            .map(|file| store::put(file.index, &file.name))
            .collect::<Result<_, _>>()?;
        Ok(receipt(format!("stored {}", places.join(", "))))
    }
}
