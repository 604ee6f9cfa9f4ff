//! The ledger: one SQLite file, one connection that writes, on a thread of its
//! own. What waits while a commit is on its way to the disk goes into the next
//! one together, so fifty cameras pay for one `fsync`.
//!
//! A failed commit is not tried again: everybody in it hears an error, and the
//! connection is opened anew, because after a failed `fsync` the kernel takes
//! as written what is not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::schema;
use crate::spool::{SpoolError, State};

/// Pieces of work in one transaction.
const GROUP: usize = 64;

/// Prepared statements kept; there are fewer.
const STATEMENTS: usize = 64;

/// How long to wait for another process (`afterimage queue`) to end its
/// transaction.
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

/// A handle of the ledger's thread, which ends with the last handle.
#[derive(Clone)]
pub(super) struct Ledger {
    work: SyncSender<Work>,
}

struct Work {
    needs: Needs,
    run: Run,
}

/// What must be on disk before somebody hears that the work is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing: a power cut may undo it.
    Nothing,
    /// The transaction.
    Commit,
    /// The transaction, and before it the folder of the uploads, which has a
    /// new entry that the commit vouches for.
    CommitAndFolder,
}

/// Does the work within a transaction, or hears why there is none.
type Run = Box<dyn FnOnce(Result<&Connection, LedgerError>) -> Answer + Send>;

/// Whether the work succeeded, and how to tell the one who waits for it once
/// it is committed or not.
struct Answer {
    ok: bool,
    tell: Box<dyn FnOnce(Result<(), LedgerError>)>,
}

impl Ledger {
    /// Opens or makes the ledger at `path`, whose uploads lie in `uploads`.
    /// `lock` is held until nothing is written any more.
    pub(super) fn open(path: PathBuf, uploads: PathBuf, lock: File) -> Result<Self, LedgerError> {
        let connection = connect(&path)?;
        let (work, queue) = sync_channel(4 * GROUP);
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                Writer { path, uploads, connection: Some(connection), _lock: lock }.run(&queue)
            })
            .map_err(|error| LedgerError::Folder(Arc::new(error)))?;
        Ok(Self { work })
    }

    /// Does `work` in a transaction of its own or of several. Returns when it
    /// is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::Commit, work).await
    }

    /// The same, returning when it is done, though not on disk before the next
    /// that is: for what the next start finds out by itself.
    pub(super) async fn write_lazily<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::Nothing, work).await
    }

    /// The same for work that vouches for a new folder of an upload.
    pub(super) async fn write_with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::CommitAndFolder, work).await
    }

    /// A number that changes when another process commits.
    pub(super) async fn data_version(&self) -> Result<i64, LedgerError> {
        // Within a transaction it would be the one of its beginning, which is
        // as good.
        self.write_lazily(|db| db.pragma_query_value(None, "data_version", |row| row.get(0))).await
    }

    async fn hand_over<T: Send + 'static>(
        &self,
        needs: Needs,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (sender, receiver) = oneshot::channel();
        let run = move |connection: Result<&Connection, LedgerError>| {
            let outcome = connection.and_then(|connection| Ok(work(connection)?));
            Answer {
                ok: outcome.is_ok(),
                tell: Box::new(move |committed| {
                    // Whoever waited may have gone; the work is done all the same.
                    let _ = sender.send(outcome.and_then(|value| committed.map(|()| value)));
                }),
            }
        };
        let mut work = Work { needs, run: Box::new(run) };
        // The queue is short and the thread quick; waiting must not block the runtime.
        loop {
            match self.work.try_send(work) {
                Ok(()) => break,
                Err(std::sync::mpsc::TrySendError::Full(returned)) => {
                    work = returned;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => {
                    return Err(LedgerError::Closed);
                }
            }
        }
        receiver.await.map_err(|_| LedgerError::Closed)?
    }
}

/// A connection with the settings that the promise rests on.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
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
    schema::migrate(&mut connection)?;
    Ok(connection)
}

struct Writer {
    path: PathBuf,
    uploads: PathBuf,
    connection: Option<Connection>,
    _lock: File,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Work>) {
        while let Ok(first) = queue.recv() {
            let group: Vec<Work> =
                std::iter::once(first).chain(queue.try_iter().take(GROUP - 1)).collect();
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<Work>) {
        let folder = match group.iter().any(|work| work.needs == Needs::CommitAndFolder) {
            true => File::open(&self.uploads).and_then(|folder| folder.sync_all()),
            false => Ok(()),
        }
        .map_err(|error| LedgerError::Folder(Arc::new(error)));
        let mut answers = Vec::new();
        let outcome = self.transact(group, &folder, &mut answers);
        if let Err(error) = &outcome {
            tracing::error!("{error}; opening the ledger anew");
            self.connection = None;
        }
        for answer in answers {
            (answer.tell)(outcome.clone());
        }
    }

    fn transact(
        &mut self,
        group: Vec<Work>,
        folder: &Result<(), LedgerError>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), LedgerError> {
        let mut group = group.into_iter();
        let outcome: Result<(), LedgerError> = (|| {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => {
                    let connection = connect(&self.path)?;
                    // What a failed commit left in the log must not stand
                    // before what is written from now on.
                    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| match row
                        .get::<_, i64>(
                        0,
                    )? {
                        0 => Ok(()),
                        _ => Err(rusqlite::Error::SqliteFailure(
                            ffi::Error::new(ffi::SQLITE_BUSY),
                            Some("the log of a failed commit is still in use".to_owned()),
                        )),
                    })?;
                    none.insert(connection)
                }
            };
            // With NORMAL the log is written and not synced; the sync of a later
            // commit is one of all that stands before it.
            let lazy = group.as_slice().iter().all(|work| work.needs == Needs::Nothing);
            let synchronous = if lazy { "NORMAL" } else { "FULL" };
            connection.pragma_update(None, "synchronous", synchronous)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for work in group.by_ref() {
                if work.needs == Needs::CommitAndFolder
                    && let Err(error) = folder
                {
                    answers.push((work.run)(Err(error.clone())));
                    continue;
                }
                transaction.execute_batch("SAVEPOINT work")?;
                let answer = (work.run)(Ok(&transaction));
                let ok = answer.ok;
                answers.push(answer);
                // A full or failing disk ends the whole transaction.
                if transaction.is_autocommit() {
                    return Err(rusqlite::Error::SqliteFailure(
                        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                        Some("the disk is full or failed".to_owned()),
                    )
                    .into());
                }
                let end = if ok { "RELEASE work" } else { "ROLLBACK TO work; RELEASE work" };
                transaction.execute_batch(end)?;
            }
            Ok(transaction.commit()?)
        })();
        if let Err(error) = &outcome {
            answers.extend(group.map(|work| (work.run)(Err(error.clone()))));
        }
        outcome
    }
}
