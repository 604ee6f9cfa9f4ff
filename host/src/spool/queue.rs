//! The queue as operators see and change it, from a process of its own, while
//! the server runs or not.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::ledger::{LedgerError, connect};
use super::uploads::{self, millis, texts, time};
use crate::digest;

/// File of the ledger in the spool's folder.
pub(super) const LEDGER: &str = "ledger.sqlite";

/// Why the queue could not be seen or changed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No server has run with this folder.
    #[error("{} has no queue; has a server run with this configuration?", .0.display())]
    NoLedger(PathBuf),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Nothing has this number or id.
    #[error("no delivery {0}; `afterimage queue list --all` shows those that there are")]
    Unknown(String),
    /// It is under way.
    #[error("delivery {0} is being delivered now; try again when that has ended")]
    Busy(i64),
    /// It is done.
    #[error("delivery {0} is delivered; there is nothing to {1}")]
    Delivered(i64, &'static str),
    /// The files are gone.
    #[error("the files of delivery {0} are no longer kept: they were delivered")]
    NoFiles(i64),
    /// A file cannot be copied.
    #[error("{}: {error}", path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// A delivery and its upload, as an operator sees them.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Number in the order of arrival; names the delivery in commands.
    pub number: i64,
    /// Its id, the one that the action sees.
    pub id: String,
    /// The upload's id.
    pub upload: String,
    /// `collecting`, `queued`, `delivering`, `delivered`, `rejected` or `parked`.
    pub state: String,
    /// What shall be done.
    pub action: String,
    /// Whether the action is paused.
    pub paused: bool,
    /// Attempts so far.
    pub attempt: u32,
    /// When the next one is, RFC 3339; none unless it waits for one.
    pub next_attempt: Option<String>,
    /// Why the last one failed, or what was rejected.
    pub reason: Option<String>,
    /// The receipt's line.
    pub receipt: Option<String>,
    /// The receipt's links.
    pub links: Vec<String>,
    /// When it was delivered, rejected or parked, RFC 3339.
    pub ended: Option<String>,
    /// When the camera sent it, RFC 3339.
    pub received: String,
    /// `email`, or the service of the sharing menu.
    pub origin: String,
    /// Sender's address.
    pub sender: String,
    /// The recipients that map to the action.
    pub recipients: Vec<String>,
    /// Subject of an e-mail.
    pub subject: String,
    /// Text.
    pub body: String,
    /// The files.
    pub files: Vec<EntryFile>,
    /// Whether their bytes are still in the spool.
    pub has_files: bool,
}

/// A file of an [`Entry`].
#[derive(Debug, Clone, Serialize)]
pub struct EntryFile {
    /// Its name.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// An action that is not called for now.
#[derive(Debug, Serialize)]
pub struct PausedAction {
    /// Its name.
    pub action: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Its last failure.
    pub reason: String,
    /// When one delivery is tried, RFC 3339.
    pub next_probe: String,
}

/// What [`Queue::retry`] does.
#[derive(Debug)]
pub struct Retried {
    /// The delivery's number.
    pub number: i64,
    /// Deliveries that it may not overtake and that go first.
    pub behind: usize,
}

/// What [`Queue::drop`] removed.
#[derive(Debug)]
pub struct Dropped {
    /// The delivery's number.
    pub number: i64,
    /// Whether its upload's files went with it.
    pub with_files: bool,
}

/// The queue of one spool.
pub struct Queue {
    root: PathBuf,
    db: Connection,
}

impl Queue {
    /// The queue of the spool at `root`.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(root: &Path) -> Result<Self, QueueError> {
        let ledger = root.join(LEDGER);
        if !ledger.exists() {
            return Err(QueueError::NoLedger(root.to_owned()));
        }
        Ok(Self { root: root.to_owned(), db: connect(&ledger)? })
    }

    /// What is not delivered yet, in the order of arrival; with `all` the
    /// receipts too.
    ///
    /// # Errors
    /// The ledger's.
    pub fn list(&self, all: bool) -> Result<Vec<Entry>, QueueError> {
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

    /// The delivery with this number or id.
    ///
    /// # Errors
    /// There is none.
    pub fn show(&self, name: &str) -> Result<Entry, QueueError> {
        let mut entry = self
            .db
            .prepare(&format!("{ENTRIES} WHERE d.id = ?1 OR CAST(d.number AS TEXT) = ?1"))?
            .query_row([name], entry)
            .optional()?
            .ok_or_else(|| QueueError::Unknown(name.to_owned()))?;
        entry.files = self.files(&entry.upload)?;
        Ok(entry)
    }

    /// Actions that are paused.
    ///
    /// # Errors
    /// The ledger's.
    pub fn paused(&self) -> Result<Vec<PausedAction>, QueueError> {
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

    /// Tries a delivery again now, as if it were new, and ends the pause of its
    /// action.
    ///
    /// # Errors
    /// It is delivered or under way.
    pub fn retry(&self, name: &str) -> Result<Retried, QueueError> {
        let entry = self.show(name)?;
        match entry.state.as_str() {
            "delivered" => return Err(QueueError::Delivered(entry.number, "retry")),
            "delivering" if self.server_runs() => return Err(QueueError::Busy(entry.number)),
            _ => {}
        }
        self.requeue("number = ?2", entry.number)?;
        let behind: i64 = self.db.query_row(
            "SELECT count(*) FROM deliveries d JOIN deliveries e
                ON e.action = d.action AND e.lane = d.lane AND e.number < d.number
             WHERE d.number = ?1 AND e.holds AND e.state IN ('queued', 'delivering')",
            [entry.number],
            |row| row.get(0),
        )?;
        Ok(Retried { number: entry.number, behind: usize::try_from(behind).unwrap_or(0) })
    }

    /// Tries everything again that waits, was rejected or is parked; how many.
    ///
    /// # Errors
    /// The ledger's.
    pub fn retry_all(&self) -> Result<usize, QueueError> {
        self.requeue("?2 = ?2 AND state IN ('queued', 'rejected', 'parked')", 0)
    }

    fn requeue(&self, filter: &str, number: i64) -> Result<usize, QueueError> {
        let transaction = self.db.unchecked_transaction()?;
        let actions: Vec<String> = transaction
            .prepare(&format!(
                "UPDATE deliveries SET state = 'queued', due_at = ?1, wait = 0, waited = 0,
                    failures = 0, traps = 0, holds = 1, ended_at = NULL WHERE {filter}
                 RETURNING action"
            ))?
            .query_map(params![millis(SystemTime::now()), number], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let changed = actions.len();
        transaction.execute(
            "DELETE FROM pauses WHERE action IN (SELECT value FROM json_each(?1))",
            [uploads::json(&actions)],
        )?;
        transaction.commit()?;
        Ok(changed)
    }

    /// Gives a delivery up. Its upload's files go with the last one.
    ///
    /// # Errors
    /// It is delivered or under way.
    pub fn drop(&self, name: &str) -> Result<Dropped, QueueError> {
        let entry = self.show(name)?;
        match entry.state.as_str() {
            "delivered" => return Err(QueueError::Delivered(entry.number, "drop")),
            "delivering" if self.server_runs() => return Err(QueueError::Busy(entry.number)),
            _ => {}
        }
        let transaction = self.db.unchecked_transaction()?;
        let dropped = transaction.execute(
            "DELETE FROM deliveries WHERE number = ?1 AND state = ?2",
            params![entry.number, entry.state],
        )?;
        if dropped == 0 {
            // It got under way since it was shown.
            return Err(QueueError::Busy(entry.number));
        }
        let undelivered: i64 = transaction.query_row(
            "SELECT count(*) FROM deliveries WHERE upload = ?1 AND state <> 'delivered'",
            [&entry.upload],
            |row| row.get(0),
        )?;
        let with_files = undelivered == 0;
        if with_files {
            transaction
                .execute("UPDATE uploads SET has_files = 0 WHERE id = ?1", [&entry.upload])?;
            transaction.execute(
                "DELETE FROM uploads WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE upload = ?1)",
                [&entry.upload],
            )?;
        }
        transaction.commit()?;
        // What cannot be removed now is a leftover that the next start removes.
        let _ = fs::remove_file(self.root.join("notes").join(format!("{}.notes", entry.id)));
        if with_files {
            let _ = fs::remove_dir_all(self.folder(&entry));
        }
        Ok(Dropped { number: entry.number, with_files })
    }

    /// Copies the files of a delivery's upload into `folder`, which is made if
    /// need be; nothing there is replaced. The copies.
    ///
    /// # Errors
    /// The files are gone or damaged, or a copy cannot be written.
    pub fn export(&self, name: &str, folder: &Path) -> Result<Vec<PathBuf>, QueueError> {
        let entry = self.show(name)?;
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

    fn folder(&self, entry: &Entry) -> PathBuf {
        self.root.join("uploads").join(&entry.upload)
    }

    /// Whether what is marked as being delivered really is.
    fn server_runs(&self) -> bool {
        !matches!(super::lock(&self.root), Ok(Some(_)))
    }

    fn files(&self, upload: &str) -> Result<Vec<EntryFile>, QueueError> {
        Ok(uploads::files(&self.db, upload)?
            .into_iter()
            .map(|file| EntryFile { name: file.name, size: file.size, sha256: file.sha256 })
            .collect())
    }
}

const ENTRIES: &str = "SELECT d.number, d.id, d.upload, d.state, d.action, p.action IS NOT NULL,
    d.attempt, d.due_at, d.last_error, d.summary, d.links, d.ended_at, u.received_at,
    coalesce(u.service, u.origin), u.sender, d.recipients, u.subject, u.body, u.has_files
    FROM deliveries d JOIN uploads u ON u.id = d.upload LEFT JOIN pauses p ON p.action = d.action";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let state: String = row.get(3)?;
    let waits = ["queued", "collecting"].contains(&state.as_str());
    let due: i64 = row.get(7)?;
    let ended: Option<i64> = row.get(11)?;
    Ok(Entry {
        number: row.get(0)?,
        id: row.get(1)?,
        upload: row.get(2)?,
        action: row.get(4)?,
        paused: row.get(5)?,
        attempt: row.get(6)?,
        next_attempt: waits.then(|| rfc3339(time(due))),
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
        files: Vec::new(),
    })
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
