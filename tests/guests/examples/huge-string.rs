//! Logs one line of 64 MiB in `deliver`.

use afterimage_test_guests::log::{self, Level};
use afterimage_test_guests::{Failure, Receipt, Upload, action, delivered};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    log::write(Level::Info, &"x".repeat(64 << 20), &[]);
    delivered(upload)
}

action!(deliver);
