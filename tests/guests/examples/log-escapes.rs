//! Logs in `deliver` what would move a terminal's cursor or forge a line.
#![allow(clippy::print_stderr, reason = "it is what this guest is for")]

use afterimage_test_guests::log::{self, Level};
use afterimage_test_guests::{Failure, Receipt, Upload, action, delivered};

const FORGED: &str = "\u{1b}[2J\u{1b}[31mred\r\nERROR forged: line\u{9b}0m\u{7}";

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    log::write(Level::Info, FORGED, &[(FORGED.to_owned(), FORGED.to_owned())]);
    eprintln!("{FORGED}");
    delivered(upload)
}

action!(deliver);
