//! Whether the ledger can be relied on: looked at before anything is done on
//! its word.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};

use super::manifest::Manifests;
use super::{LEDGER, UPLOADS};

/// What an operator can do about a ledger that cannot be used.
pub(super) const REMEDY: &str = "its uploads are untouched; with the server stopped, put a good \
    copy of it back, or take them up without it: afterimage queue adopt";

/// Files of the ledger: the database, its log, and what its users share.
pub(super) fn files(root: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| root.join(format!("{LEDGER}{ending}")))
}

/// Looks before the ledger is opened: SQLite takes an empty file for a new
/// database and throws away the log that belongs to it.
///
/// # Errors
/// It is missing or empty and there is something that it should know.
pub(super) fn look_before(root: &Path) -> Result<(), String> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let [ledger, log, _] = files(root);
    if length(&ledger) > 0 {
        return Ok(());
    }
    let what = if ledger.exists() { "empty" } else { "missing" };
    if has_uploads(root) || length(&log) > 0 {
        return Err(format!(
            "{} is {what}, and there are uploads that it must know; {REMEDY}",
            ledger.display()
        ));
    }
    Ok(())
}

/// Looks at the ledger itself.
///
/// # Errors
/// The database's; none for a ledger that is damaged, which answers why.
pub(super) fn look_at(db: &Connection) -> rusqlite::Result<Option<String>> {
    let checked = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match checked {
        Ok(found) if found == "ok" => Ok(None),
        Ok(found) => Ok(Some(found)),
        Err(error) if is_damage(&error) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Looks whether a ledger without any upload lies beside uploads that it has
/// lost.
///
/// # Errors
/// The database's; for a ledger that has lost its uploads why it is thought so.
pub(super) fn look_for_uploads(db: &Connection, root: &Path) -> rusqlite::Result<Option<String>> {
    let knows_some: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM uploads) OR EXISTS (SELECT 1 FROM refused)",
        [],
        |row| row.get(0),
    )?;
    let lost = !knows_some && has_acknowledged(root);
    Ok(lost.then(|| "it is empty, and there are uploads that it must know".to_owned()))
}

/// Whether it is the database that is damaged, not the disk that fails.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => true,
        // Not a text, not a number: columns of another type than was written.
        None => matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ),
        // A table or column of ours that is not there.
        Some(ErrorCode::Unknown) => error.to_string().contains("no such"),
        _ => false,
    }
}

/// Whether any upload has a folder.
fn has_uploads(root: &Path) -> bool {
    fs::read_dir(root.join(UPLOADS)).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether a camera was told that an upload is sent whose folder is there. In a
/// spool that has no manifests yet, each may be one.
fn has_acknowledged(root: &Path) -> bool {
    let manifests = Manifests::of(root);
    if !manifests.folder().exists() {
        return has_uploads(root);
    }
    let entries = fs::read_dir(root.join(UPLOADS)).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| manifests.path(&entry.file_name().to_string_lossy()).exists())
}

/// The files of the ledger as they were opened. Who deletes or replaces one
/// while it is in use takes it away from the next start, not from SQLite, which
/// goes on writing to what has no name any more. Clones share what is known.
#[derive(Clone)]
pub(super) struct InPlace(Arc<Mutex<Vec<(PathBuf, Identity)>>>);

/// Device and number of a file.
type Identity = (u64, u64);

impl InPlace {
    /// The files at `root`, which are open.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(identify(&files(root))?))))
    }

    /// The connection is closed: SQLite removes the log, not the ledger.
    pub(super) fn closed(&self) {
        self.known().truncate(1);
    }

    /// The files at `root` were opened anew; it is still the same ledger.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn reopened(&self, root: &Path) -> io::Result<()> {
        let [_, log, shared] = files(root);
        let found = identify(&[log, shared])?;
        let mut known = self.known();
        known.truncate(1);
        known.extend(found);
        Ok(())
    }

    /// What is no longer there, or another file.
    pub(super) fn missing(&self) -> Option<PathBuf> {
        let gone = |(path, id): &&(PathBuf, Identity)| {
            // A disk that does not answer says nothing about its files.
            match identity(path) {
                Ok(found) => found != *id,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
        };
        self.known().iter().find(gone).map(|(path, _)| path.clone())
    }

    fn known(&self) -> MutexGuard<'_, Vec<(PathBuf, Identity)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identify(paths: &[PathBuf]) -> io::Result<Vec<(PathBuf, Identity)>> {
    paths.iter().map(|path| Ok((path.clone(), identity(path)?))).collect()
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
