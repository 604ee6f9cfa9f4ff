//! Sleeps for an hour in `deliver`.

use std::thread;
use std::time::Duration;

use afterimage_test_guests::{Failure, Receipt, Upload, action, delivered};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    thread::sleep(Duration::from_secs(60 * 60));
    delivered(upload)
}

action!(deliver);
