//! Reads and writes in `deliver` what it must not, and rejects with the outcome.

use std::fs::{self, File};

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let own = upload.files.first().map(|file| file.path.clone()).unwrap_or_default();
    let attempts = [
        ("list /", fs::read_dir("/").map(drop)),
        ("read /proc/self/environ", fs::read("/proc/self/environ").map(drop)),
        ("truncate", File::create(&own).map(drop)),
        ("append", File::options().append(true).open(&own).map(drop)),
        ("remove", fs::remove_file(&own)),
        ("rename", fs::rename(&own, "/upload/y")),
        ("hard link", fs::hard_link(&own, "/upload/z")),
        ("folder", fs::create_dir("/upload/folder")),
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
