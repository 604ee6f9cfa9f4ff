//! Panics in `deliver`.

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    panic!("boom in deliver")
}

action!(deliver);
