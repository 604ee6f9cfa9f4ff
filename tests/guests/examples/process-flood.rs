//! Runs the operator's command until it is stopped.

use afterimage_test_guests::bindings::afterimage::action::process;
use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    for count in 0..100_000 {
        if let Err(error) = process::run(None, &[]) {
            return Ok(receipt(format!("{count} commands, then {error:?}")));
        }
    }
    Ok(receipt("never stopped"))
}

action!(deliver);
