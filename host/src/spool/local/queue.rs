//! An operator's word on the queue, from a process of its own as a rule, while
//! the server runs or not: whatever it does holds against a server that
//! delivers at the same moment.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::database::connect;
use super::manifest::Manifests;
use super::seal;
use super::times::{millis, time};
use super::uploads::{self, texts};
use super::{LEDGER, NOTES, UPLOADS, backup_cameras, backup_repeats};
use crate::digest;
use crate::spool::{
    BackupCamera, Dropped, Entry, EntryFile, Figure, PausedAction, Queue, QueueError, Retried,
    SpoolError, State,
};

/// The queue of a spool in a folder.
pub struct LocalQueue {
    books: Arc<Mutex<Books>>,
}

impl LocalQueue {
    /// The queue of the spool at `root`.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn open(root: &Path) -> Result<Self, QueueError> {
        let root = root.to_owned();
        let books = tokio::task::spawn_blocking(move || Books::open(root)).await;
        let books = books.map_err(|error| SpoolError::Disk(error.into()))??;
        Ok(Self { books: Arc::new(Mutex::new(books)) })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Books) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let books = self.books.clone();
        let done = tokio::task::spawn_blocking(move || {
            work(&mut books.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|error| SpoolError::Disk(error.into()))?
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn list(&self, all: bool) -> Result<Vec<Entry>, QueueError> {
        self.with(move |books| books.list(all)).await
    }

    async fn show(&self, name: &str) -> Result<Entry, QueueError> {
        let name = name.to_owned();
        self.with(move |books| show(&books.db, &name)).await
    }

    async fn paused(&self) -> Result<Vec<PausedAction>, QueueError> {
        self.with(|books| books.paused()).await
    }

    async fn retry(&self, name: &str) -> Result<Retried, QueueError> {
        let name = name.to_owned();
        self.with(move |books| books.retry(&name)).await
    }

    async fn retry_all(&self) -> Result<usize, QueueError> {
        self.with(Books::retry_all).await
    }

    async fn give_up(&self, name: &str) -> Result<Dropped, QueueError> {
        let name = name.to_owned();
        self.with(move |books| books.drop(&name)).await
    }

    async fn export(&self, name: &str, folder: &Path) -> Result<Vec<PathBuf>, QueueError> {
        let (name, folder) = (name.to_owned(), folder.to_owned());
        self.with(move |books| books.export(&name, &folder)).await
    }

    async fn backup_cameras(&self) -> Result<Vec<BackupCamera>, QueueError> {
        self.with(|books| Ok(backup_cameras::list(&books.db)?)).await
    }

    async fn forget_backups(&self, sender: Option<&str>) -> Result<usize, QueueError> {
        let sender = sender.map(str::to_owned);
        self.with(move |books| Ok(backup_repeats::forget_all(&books.db, sender.as_deref())?)).await
    }

    async fn delivered(&self, most: usize) -> Result<Vec<Entry>, QueueError> {
        self.with(move |books| books.delivered(most)).await
    }

    async fn file(&self, name: &str, index: usize) -> Result<(String, fs::File), QueueError> {
        let name = name.to_owned();
        self.with(move |books| books.file(&name, index)).await
    }

    async fn figures(&self) -> Result<Vec<Figure>, QueueError> {
        self.with(|books| books.figures()).await
    }

    async fn changes(&self) -> Result<i64, QueueError> {
        self.with(|books| books.changes()).await
    }
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Spool(error.into())
    }
}

/// The ledger and the files, as an operator's commands see them.
pub(super) struct Books {
    pub(super) root: PathBuf,
    pub(super) db: Connection,
}

impl Books {
    fn open(root: PathBuf) -> Result<Self, QueueError> {
        let ledger = root.join(LEDGER);
        if !ledger.exists() {
            return Err(QueueError::NoLedger(root));
        }
        Ok(Self { db: connect(&ledger)?, root })
    }

    fn list(&self, all: bool) -> Result<Vec<Entry>, QueueError> {
        let filter = if all { "1" } else { "d.state <> 'delivered'" };
        let mut entries = self
            .db
            .prepare(&format!("{ENTRIES} WHERE {filter} ORDER BY d.number"))?
            .query_map([], entry)?
            .collect::<rusqlite::Result<Vec<Entry>>>()?;
        let mut files: HashMap<String, Vec<EntryFile>> = HashMap::new();
        let mut statement = self.db.prepare(&format!(
            "SELECT name, size, sha256, upload FROM files
             WHERE upload IN (SELECT d.upload FROM deliveries d WHERE {filter})
             ORDER BY upload, position"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            files.entry(row.get(3)?).or_default().push(EntryFile {
                name: row.get(0)?,
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                sha256: row.get(2)?,
            });
        }
        for entry in &mut entries {
            entry.files = files.get(&entry.upload).cloned().unwrap_or_default();
        }
        Ok(entries)
    }

    fn paused(&self) -> Result<Vec<PausedAction>, QueueError> {
        let paused = self
            .db
            .prepare("SELECT action, since, reason, due_at FROM pauses ORDER BY action")?
            .query_map([], |row| {
                Ok(PausedAction {
                    action: row.get(0)?,
                    since: rfc3339(time(row.get(1)?)),
                    reason: row.get(2)?,
                    next_probe: rfc3339(time(row.get(3)?)),
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(paused)
    }

    fn retry(&mut self, name: &str) -> Result<Retried, QueueError> {
        let runs = self.server_runs();
        let db = self.begin()?;
        let entry = changeable(&db, name, "retry", runs)?;
        requeue(&db, "number = ?2", entry.number)?;
        let behind: i64 = db.query_row(
            "SELECT count(*) FROM deliveries d JOIN deliveries e
                ON e.action = d.action AND e.lane = d.lane AND e.number < d.number
             WHERE d.number = ?1 AND e.holds AND e.state IN ('queued', 'delivering')",
            [entry.number],
            |row| row.get(0),
        )?;
        db.commit()?;
        Ok(Retried { number: entry.number, behind: usize::try_from(behind).unwrap_or(0) })
    }

    fn retry_all(&mut self) -> Result<usize, QueueError> {
        let db = self.begin()?;
        let changed = requeue(&db, "?2 = ?2 AND state IN ('queued', 'rejected', 'parked')", 0)?;
        db.commit()?;
        Ok(changed)
    }

    fn drop(&mut self, name: &str) -> Result<Dropped, QueueError> {
        let runs = self.server_runs();
        let db = self.begin()?;
        let entry = changeable(&db, name, "drop", runs)?;
        let is_intact = seal::is_intact(&db, &entry.upload)?;
        db.execute("DELETE FROM deliveries WHERE number = ?1", [entry.number])?;
        if is_intact {
            seal::seal(&db, &entry.upload)?;
        }
        let undelivered: i64 = db.query_row(
            "SELECT count(*) FROM deliveries WHERE upload = ?1 AND state <> 'delivered'",
            [&entry.upload],
            |row| row.get(0),
        )?;
        // What the ledger says of a damaged upload is no reason to remove files.
        let with_files = undelivered == 0 && is_intact;
        if with_files {
            backup_repeats::forget(&db, &entry.upload)?;
            db.execute("UPDATE uploads SET has_files = 0 WHERE id = ?1", [&entry.upload])?;
            db.execute(
                "DELETE FROM uploads WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE upload = ?1)",
                [&entry.upload],
            )?;
        }
        db.commit()?;
        // What cannot be removed now is a leftover for the next start.
        let _ = fs::remove_file(self.root.join(NOTES).join(format!("{}.notes", entry.id)));
        if with_files {
            let _ = Manifests::of(&self.root).remove(&entry.upload);
            let _ = fs::remove_dir_all(self.folder(&entry));
        }
        Ok(Dropped { number: entry.number, with_files })
    }

    fn export(&self, name: &str, folder: &Path) -> Result<Vec<PathBuf>, QueueError> {
        let entry = show(&self.db, name)?;
        if !entry.has_files {
            return Err(QueueError::NoFiles(entry.number));
        }
        let failed = |path: &Path, error| QueueError::Copy { path: path.to_owned(), error };
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let mut copies = Vec::new();
        for file in &entry.files {
            let source = self.folder(&entry).join(&file.name);
            let found = fs::File::open(&source).and_then(digest::sha256_of);
            if found.map_err(|error| failed(&source, error))? != file.sha256 {
                let error = io::Error::other("damaged: its SHA-256 is not what the camera sent");
                return Err(failed(&source, error));
            }
            let target = folder.join(&file.name);
            let copy = || -> io::Result<()> {
                let mut copy = fs::File::create_new(&target)?;
                io::copy(&mut fs::File::open(&source)?, &mut copy)?;
                copy.sync_all()
            };
            copy().map_err(|error| failed(&target, error))?;
            copies.push(target);
        }
        Ok(copies)
    }

    pub(super) fn folder(&self, entry: &Entry) -> PathBuf {
        self.root.join(UPLOADS).join(&entry.upload)
    }

    /// Whether what is marked as being delivered really is.
    fn server_runs(&self) -> bool {
        !matches!(super::lock(&self.root), Ok(Some(_)))
    }

    /// A transaction that keeps others from writing from its first look on.
    fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }
}

pub(super) fn show(db: &Connection, name: &str) -> Result<Entry, QueueError> {
    let mut entry = db
        .prepare(&format!("{ENTRIES} WHERE d.id = ?1 OR CAST(d.number AS TEXT) = ?1"))?
        .query_row([name], entry)
        .optional()?
        .ok_or_else(|| QueueError::Unknown(name.to_owned()))?;
    let files = uploads::files(db, &entry.upload)?.into_iter();
    entry.files = files
        .map(|file| EntryFile { name: file.name, size: file.size, sha256: file.sha256 })
        .collect();
    Ok(entry)
}

/// The delivery of this name, which may be changed.
fn changeable(
    db: &Connection,
    name: &str,
    what: &'static str,
    server_runs: bool,
) -> Result<Entry, QueueError> {
    let entry = show(db, name)?;
    match entry.state {
        State::Delivered => Err(QueueError::Delivered(entry.number, what)),
        State::Delivering if server_runs => Err(QueueError::Busy(entry.number)),
        _ => Ok(entry),
    }
}

fn requeue(db: &Connection, filter: &str, number: i64) -> rusqlite::Result<usize> {
    let actions: Vec<String> = db
        .prepare(&format!(
            "UPDATE deliveries SET state = 'queued', due_at = ?1, wait = 0, waited = 0,
                failures = 0, traps = 0, holds = 1, ended_at = NULL WHERE {filter}
             RETURNING action"
        ))?
        .query_map(params![millis(SystemTime::now()), number], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    db.execute(
        "DELETE FROM pauses WHERE action IN (SELECT value FROM json_each(?1))",
        [uploads::json(&actions)],
    )?;
    Ok(actions.len())
}

pub(super) const ENTRIES: &str =
    "SELECT d.number, d.id, d.upload, d.state, d.action, p.action IS NOT NULL,
    d.attempt, d.due_at, d.last_error, d.summary, d.links, d.ended_at, u.received_at,
    coalesce(u.service, u.origin), u.sender, d.recipients, u.subject, u.body, u.has_files,
    u.camera
    FROM deliveries d JOIN uploads u ON u.id = d.upload LEFT JOIN pauses p ON p.action = d.action";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let state: State = row.get(3)?;
    let due: i64 = row.get(7)?;
    let ended: Option<i64> = row.get(11)?;
    Ok(Entry {
        number: row.get(0)?,
        id: row.get(1)?,
        upload: row.get(2)?,
        action: row.get(4)?,
        paused: row.get(5)?,
        attempt: row.get(6)?,
        next_attempt: state.waits().then(|| rfc3339(time(due))),
        state,
        reason: row.get(8)?,
        receipt: row.get(9)?,
        links: row.get::<_, Option<String>>(10)?.map(|links| texts(&links)).unwrap_or_default(),
        ended: ended.map(|ended| rfc3339(time(ended))),
        received: rfc3339(time(row.get(12)?)),
        origin: row.get(13)?,
        sender: row.get(14)?,
        recipients: texts(&row.get::<_, String>(15)?),
        subject: row.get(16)?,
        body: row.get(17)?,
        has_files: row.get(18)?,
        camera: row.get(19)?,
        files: Vec::new(),
    })
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
