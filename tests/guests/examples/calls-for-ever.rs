//! Calls a function of the host in a loop.

use afterimage_test_guests::{Failure, Receipt, Upload, action, settings};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        std::hint::black_box(settings::json());
    }
}

action!(deliver);
