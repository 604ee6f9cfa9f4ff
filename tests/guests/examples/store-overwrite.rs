//! Keeps every file of the upload under one and the same name.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, store};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let kept: Vec<String> =
        upload.files.iter().map(|file| format!("{:?}", store::put(file.index, "A.JPG"))).collect();
    Ok(receipt(kept.join("; ")))
}

action!(deliver);
