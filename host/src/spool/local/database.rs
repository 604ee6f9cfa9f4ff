//! Connections to the ledger's database, and what can be wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ffi};

use super::damage::{self, InPlace};
use super::{LEDGER, schema};
use crate::spool::{SpoolError, State};

/// Prepared statements kept; there are fewer.
const STATEMENTS: usize = 64;

/// How long a command waits for another process to end its transaction.
const BUSY: Duration = Duration::from_secs(5);

/// Why the ledger did not take or tell something.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LedgerError {
    /// The database or the disk below it.
    #[error("ledger: {0}")]
    Database(Arc<rusqlite::Error>),
    /// The folder of the uploads could not be made durable.
    #[error("folder of the uploads: {0}")]
    Folder(Arc<std::io::Error>),
    /// A file of the ledger was removed or replaced while it is in use.
    #[error(
        "{} was removed or replaced while the server runs; stop the server and put it back, or \
         take up the uploads without it: afterimage queue adopt",
        .0.display()
    )]
    NotInPlace(PathBuf),
    /// The ledger's rows or pages are not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The ledger's thread has ended.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether the work may be on disk all the same: its bytes were written,
    /// and only the `fsync` after them failed.
    pub(super) fn is_uncertain(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(&**error, rusqlite::Error::SqliteFailure(error, _)
            if [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC]
                .contains(&error.extended_code))
    }
}

impl LedgerError {
    /// Whether somebody else was writing for too long.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<LedgerError> for SpoolError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => Self::Ledger(error.to_string()),
            LedgerError::Folder(error) => {
                Self::Disk(std::io::Error::new(error.kind(), error.to_string()))
            }
            LedgerError::Closed => Self::Closed,
            error @ (LedgerError::NotInPlace(_) | LedgerError::Damaged(_)) => {
                Self::Ledger(error.to_string())
            }
        }
    }
}

impl From<rusqlite::Error> for SpoolError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.to_string())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

/// Opens the ledger of the spool at `root` after a look at all of it.
///
/// # Errors
/// It is damaged, or the database's.
pub(super) fn open_sound(root: &Path) -> Result<Connection, LedgerError> {
    damage::look_before(root).map_err(LedgerError::Damaged)?;
    let ledger = root.join(LEDGER);
    let damaged = |found: String| {
        let words = format!("{} is damaged ({found}); {}", ledger.display(), damage::REMEDY);
        LedgerError::Damaged(words)
    };
    let opened = (|| {
        let mut connection = open(&ledger)?;
        if let Some(found) = damage::look_at(&connection)? {
            return Ok(Err(found));
        }
        schema::migrate(&mut connection)?;
        Ok(match damage::look_for_uploads(&connection, root)? {
            Some(found) => Err(found),
            None => Ok(connection),
        })
    })();
    match opened {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(found)) => Err(damaged(found)),
        Err(error) if damage::is_damage(&error) => Err(damaged(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn in_place(root: &Path) -> Result<InPlace, LedgerError> {
    InPlace::of(root).map_err(|error| LedgerError::Folder(Arc::new(error)))
}

/// A connection to a ledger that a server has looked at.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = open(path)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// A connection with the settings that the promise rests on.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // SQLite opens for reading what it cannot open for writing.
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_READONLY),
            Some(format!("{} cannot be opened for writing", path.display())),
        ));
    }
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a savepoint would restore goes to a file otherwise: many times what
    // is written to the ledger itself.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}
