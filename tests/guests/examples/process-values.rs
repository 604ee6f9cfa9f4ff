//! Hands the operator's command what it must not get: an option, a NUL, another
//! sender, a recipient of somebody else.

use afterimage_test_guests::bindings::afterimage::action::process::{self, ProcessError};
use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let long = "x".repeat(200_000);
    let attempts = [
        ("option", "title", "--exec"),
        ("nul", "title", "a\0b"),
        ("long", "title", long.as_str()),
        ("sender", "sender", "root@example.org"),
        ("recipient", "recipient", "stranger@example.org"),
        ("shell", "title", "$(touch owned); `touch owned`"),
    ];
    let results = attempts.map(|(what, name, value)| {
        let result = process::run(None, &[(name.to_owned(), value.to_owned())]);
        match result {
            Ok(exit) => {
                format!("{what} ran: {}", String::from_utf8_lossy(&exit.stdout_tail).trim())
            }
            Err(ProcessError::Invalid(text)) => format!("{what} invalid: {text:.80}"),
            Err(error) => format!("{what} {error:?}"),
        }
    });
    Ok(receipt(results.join("; ")))
}

action!(deliver);
