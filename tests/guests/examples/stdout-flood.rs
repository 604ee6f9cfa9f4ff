//! Writes to standard output without end in `deliver`.
#![allow(clippy::print_stdout, reason = "it is what this guest is for")]

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        println!("and again");
    }
}

action!(deliver);
