//! Never comes back from `deliver`.

use std::hint::spin_loop;

use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        spin_loop();
    }
}

action!(deliver);
