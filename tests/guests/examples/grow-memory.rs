//! Takes more and more memory in `deliver`.

use std::hint::black_box;

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let mut hoard = Vec::new();
    loop {
        hoard.extend_from_slice(&[1_u8; 1024]);
        black_box(&hoard);
    }
}

action!(deliver);
