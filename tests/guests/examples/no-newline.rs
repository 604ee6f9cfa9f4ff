//! Writes to standard output without end and without a line break in `deliver`.
#![allow(clippy::print_stdout, reason = "it is what this guest is for")]

use std::io::Write;

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        let mut stdout = std::io::stdout();
        let _ = stdout.write_all(&[b'x'; 4 << 10]).and_then(|()| stdout.flush());
    }
}

action!(deliver);
