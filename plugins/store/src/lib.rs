//! `store`: keeps every file of an upload in the folder that the host assigns.

use afterimage_sdk::store::{self, StoreError};
use afterimage_sdk::{
    Action, Failure, Receipt, Rejection, RejectionReason, Upload, export, receipt, reject,
    rejection, retry,
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
        let places: Result<Vec<String>, StoreError> =
            upload.files.iter().map(|file| store::put(file.index, &file.name)).collect();
        places.map(|places| receipt(format!("stored {}", places.join(", ")))).map_err(|error| {
            match error {
                StoreError::Full => retry("the disk is full"),
                StoreError::Io(error) => retry(error),
                StoreError::Denied(text) | StoreError::InvalidName(text) => {
                    reject(RejectionReason::Other, text)
                }
                StoreError::NoSuchFile => reject(RejectionReason::Other, "a file is missing"),
            }
        })
    }
}
