//! Keeps the first file in `deliver`, then panics.

use afterimage_test_guests::{Failure, Receipt, Upload, action, store};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    for file in &upload.files {
        let _ = store::put(file.index, &file.name);
    }
    panic!("after the effect")
}

action!(deliver);
