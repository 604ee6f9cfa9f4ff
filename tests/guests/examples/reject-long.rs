//! Rejects in `check` with 10 000 characters that no XML comment survives.

use afterimage_test_guests::{Rejection, Upload, action, delivered, rejection};

fn check(_: Upload) -> Result<u32, Rejection> {
    Err(rejection(
        "no\0 \u{1b}[31m\r\n--> <error> ".chars().cycle().take(10_000).collect::<String>(),
    ))
}

action!(check, delivered);
