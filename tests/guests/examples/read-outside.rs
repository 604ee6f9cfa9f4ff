//! Reads and writes in `deliver` what it must not, and rejects with the outcome.

use std::fs::{self, File};
use std::io;

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection};
use wasip2::filesystem::preopens;

fn symlink(target: &str, name: &str) -> io::Result<()> {
    let folders = preopens::get_directories();
    let (upload, _) = folders.first().ok_or(io::ErrorKind::NotFound)?;
    upload.symlink_at(target, name).map_err(|error| io::Error::other(format!("{error:?}")))
}

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
        ("symbolic link", symlink("/etc/passwd", "link")),
        ("folder", fs::create_dir("/upload/folder")),
        ("read /etc/passwd", fs::read("/etc/passwd").map(drop)),
        ("read /upload/../../etc/passwd", fs::read("/upload/../../etc/passwd").map(drop)),
        ("write /upload/x", fs::write("/upload/x", "x")),
    ];

    let count = attempts.len();
    let succeeded: Vec<&str> =
        attempts.into_iter().filter(|(_, result)| result.is_ok()).map(|(what, _)| what).collect();
    Err(Failure::Reject(rejection(match succeeded.is_empty() {
        true => format!("all refused: {count} attempts"),
        false => succeeded.join("; "),
    })))
}

action!(deliver);
