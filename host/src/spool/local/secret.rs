//! The server's own secret.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::digest;

/// The secret of the spool at `root`, made at its first start: 64 hexadecimal
/// digits.
///
/// # Errors
/// The disk's.
pub(super) fn of(root: &Path) -> io::Result<String> {
    let path = root.join("secret");
    match fs::read_to_string(&path) {
        Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut random = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let secret = digest::hex(&random);
    let new = root.join("secret.new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(root)?.sync_all()?;
    Ok(secret)
}
