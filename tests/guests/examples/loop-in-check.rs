//! Never comes back from `check`.

use std::hint::spin_loop;

use afterimage_test_guests::{Rejection, Upload, action, delivered};

fn check(_: Upload) -> Result<u32, Rejection> {
    loop {
        spin_loop();
    }
}

action!(check, delivered);
