//! Writes to standard error without end in `deliver`.
#![allow(clippy::print_stderr, reason = "it is what this guest is for")]

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        eprintln!("and again");
    }
}

action!(deliver);
