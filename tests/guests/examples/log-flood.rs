//! Logs without end in `deliver`.

use afterimage_test_guests::log::{self, Level};
use afterimage_test_guests::{Failure, Receipt, Upload, action};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    loop {
        log::write(Level::Info, "and again", &[]);
    }
}

action!(deliver);
