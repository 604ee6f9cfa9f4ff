//! Reads and writes in `deliver` what it must not, and rejects with the outcome.

use std::fs;

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let attempts = [
        ("read /etc/passwd", fs::read("/etc/passwd").map(drop)),
        ("read /upload/../../etc/passwd", fs::read("/upload/../../etc/passwd").map(drop)),
        ("write /upload/x", fs::write("/upload/x", "x")),
    ];

    let mut succeeded = Vec::new();
    let mut refused = Vec::new();
    for (attempt, result) in attempts {
        match result {
            Ok(()) => succeeded.push(attempt.to_owned()),
            Err(error) => refused.push(format!("{attempt}: {error}")),
        }
    }
    Err(Failure::Reject(rejection(if succeeded.is_empty() {
        format!("all refused: {}", refused.join("; "))
    } else {
        succeeded.join("; ")
    })))
}

action!(deliver);
