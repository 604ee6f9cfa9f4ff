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
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::damage::{self, InPlace};
use super::database::{LedgerError, connect, in_place, open_sound};
use super::{LEDGER, UPLOADS};

/// Pieces of work in one transaction.
const GROUP: usize = 64;

/// The same of the server: a backup that holds the ledger for a while must not
/// cost a camera its upload, which waits longer than this for an answer.
const SERVER_BUSY: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 15_000 });

/// Longest log that is left as it is, in bytes. It grows as long as a reader
/// (a backup, Litestream) looks at an old state, and SQLite alone never shortens
/// it again.
const LONGEST_LOG: u64 = 8 << 20;

/// How often to look at the log's length.
const LOOK: Duration = Duration::from_secs(1);

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
    /// Opens or makes the ledger of the spool at `root`; also what tells whether
    /// its files are in their place. `lock` is held until nothing is written any
    /// more.
    pub(super) fn open(root: &Path, lock: File) -> Result<(Self, InPlace), LedgerError> {
        let connection = open_sound(root)?;
        connection.busy_timeout(SERVER_BUSY)?;
        let in_place = in_place(root)?;
        let (shared, root) = (in_place.clone(), root.to_owned());
        let (work, queue) = sync_channel(4 * GROUP);
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                Writer {
                    root,
                    connection: Some(connection),
                    in_place,
                    looked: Instant::now(),
                    _lock: lock,
                }
                .run(&queue)
            })
            .map_err(|error| LedgerError::Folder(Arc::new(error)))?;
        Ok((Self { work }, shared))
    }

    /// Does `work` in a transaction of its own or of several. Returns when it
    /// is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::Commit, work, |_| ()).await
    }

    /// The same, returning when it is done, though not on disk before the next
    /// that is: for what the next start finds out by itself.
    pub(super) async fn write_lazily<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::Nothing, work, |_| ()).await
    }

    /// The same for work that vouches for a new folder of an upload, and only
    /// while the ledger is in its place. `then` is done once it is on disk and
    /// before anybody hears of it.
    pub(super) async fn write_with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.hand_over(Needs::CommitAndFolder, work, then).await
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
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (sender, receiver) = oneshot::channel();
        let run = move |connection: Result<&Connection, LedgerError>| {
            let outcome = connection.and_then(|connection| Ok(work(connection)?));
            Answer {
                ok: outcome.is_ok(),
                tell: Box::new(move |committed| {
                    let outcome = outcome.and_then(|value| committed.map(|()| value));
                    if let Ok(value) = &outcome {
                        then(value);
                    }
                    // Whoever waited may have gone; the work is done all the same.
                    let _ = sender.send(outcome);
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

struct Writer {
    root: PathBuf,
    /// None after a failed commit.
    connection: Option<Connection>,
    in_place: InPlace,
    /// When the length of the log was looked at.
    looked: Instant,
    _lock: File,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Work>) {
        while let Ok(first) = queue.recv() {
            let group: Vec<Work> =
                std::iter::once(first).chain(queue.try_iter().take(GROUP - 1)).collect();
            self.commit(group);
            if self.looked.elapsed() >= LOOK {
                self.looked = Instant::now();
                self.shorten_log();
            }
        }
    }

    /// Cuts a long log that nobody reads any more.
    fn shorten_log(&self) {
        let [_, log, _] = damage::files(&self.root);
        let length = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
        let Some(connection) = self.connection.as_ref().filter(|_| length > LONGEST_LOG) else {
            return;
        };
        // Nobody waits for whoever still reads it.
        let cut = connection
            .busy_timeout(Duration::ZERO)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        if let Err(error) = cut.and(connection.busy_timeout(SERVER_BUSY)) {
            tracing::debug!("the log of the ledger has {length} bytes: {error}");
        }
    }

    fn commit(&mut self, group: Vec<Work>) {
        let folder = match group.iter().any(|work| work.needs == Needs::CommitAndFolder) {
            true => self.sync_folder(),
            false => Ok(()),
        };
        let mut answers = Vec::new();
        let outcome = self.transact(group, &folder, &mut answers);
        match &outcome {
            Ok(()) => {}
            // Nothing was begun, so nothing is in doubt.
            Err(error) if error.is_busy() => tracing::error!("{error}"),
            Err(error) => {
                tracing::error!("{error}; opening the ledger anew");
                self.in_place.closed();
                self.connection = None;
            }
        }
        for answer in answers {
            (answer.tell)(outcome.clone());
        }
    }

    /// Puts the names of new uploads on disk, for a ledger that the next start
    /// will find.
    fn sync_folder(&self) -> Result<(), LedgerError> {
        if let Some(missing) = self.in_place.missing() {
            return Err(LedgerError::NotInPlace(missing));
        }
        File::open(self.root.join(UPLOADS))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| LedgerError::Folder(Arc::new(error)))
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
                    if let Some(missing) = self.in_place.missing() {
                        return Err(LedgerError::NotInPlace(missing));
                    }
                    let connection = connect(&self.root.join(LEDGER))?;
                    connection.busy_timeout(SERVER_BUSY)?;
                    let reopened = self.in_place.reopened(&self.root);
                    reopened.map_err(|error| LedgerError::Folder(Arc::new(error)))?;
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
