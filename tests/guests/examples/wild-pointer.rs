//! Reads where it has no memory.
#![allow(unsafe_code, reason = "that is what it does")]

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let address = 0xffff_0000_usize + upload.files.len();
    // SAFETY: none; the sandbox ends the guest here.
    let byte = unsafe { std::ptr::read_volatile(address as *const u8) };
    Ok(receipt(format!("found {byte}")))
}

action!(deliver);
