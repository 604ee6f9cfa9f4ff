//! The folders of a spool: made, locked, and kept from other people's eyes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::FlockOperation;

use super::{LEDGER, LOST, MANIFESTS, NOTES, UPLOADS};

/// Mode of folders that only the server may look into: they hold photos, and
/// what tells whose they are.
const PRIVATE: u32 = 0o700;

/// How names in the spool's folder begin that nobody else may read, and others
/// that may be there.
const OURS: [&str; 6] = [LEDGER, "sessions.sqlite", UPLOADS, NOTES, MANIFESTS, LOST];
const NOT_SECRET: [&str; 5] = ["lock", "secret", "secret.new", "compiled", "scratch"];

/// Makes what is missing of the folders; the lock that a server holds, none if
/// one does already.
pub(super) fn make(root: &Path) -> io::Result<Option<File>> {
    if !root.exists() {
        fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(root)?;
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    let Some(lock) = lock(root)? else { return Ok(None) };
    private(root, &[UPLOADS, NOTES])?;
    File::open(root)?.sync_all()?;
    Ok(Some(lock))
}

/// Makes what is missing of `folders`, and keeps others from looking into them,
/// and into the whole spool where its folder holds nothing else.
pub(super) fn private(root: &Path, folders: &[&str]) -> io::Result<()> {
    for folder in folders {
        fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(root.join(folder))?;
    }
    let mut is_ours = true;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_private = OURS.iter().any(|ours| name.starts_with(ours));
        is_ours &= is_private || NOT_SECRET.contains(&&*name);
        let mode = entry.metadata()?.permissions().mode();
        if is_private && mode & 0o077 != 0 {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    let mode = fs::metadata(root)?.permissions().mode();
    if is_ours && mode & 0o077 != 0 {
        fs::set_permissions(root, fs::Permissions::from_mode(PRIVATE))?;
    }
    Ok(())
}

/// The lock that a server holds on its spool, none if one does already.
pub(super) fn lock(root: &Path) -> io::Result<Option<File>> {
    let lock = File::options().create(true).append(true).open(root.join("lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gone already is as good as removed.
pub(super) fn gone_already(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
