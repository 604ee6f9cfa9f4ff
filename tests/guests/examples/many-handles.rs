//! Opens the first file in `deliver` without end and closes nothing.

use std::fs::File;
use std::mem::forget;

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let path = upload.files.first().map(|file| file.path.clone()).unwrap_or_default();
    loop {
        match File::open(&path) {
            Ok(file) => forget(file),
            Err(error) => return Err(Failure::Reject(rejection(error.to_string()))),
        }
    }
}

action!(deliver);
