//! Prints a line, as every language's first program does.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

#[allow(clippy::print_stdout, reason = "that is what it does")]
fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    println!("hello from {}", upload.sender);
    Ok(receipt("printed".to_owned()))
}

action!(deliver);
