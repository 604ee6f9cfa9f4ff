//! Uploads on disk, from the camera's first byte to the end of their
//! deliveries: the files of each in a folder of its own, all else in the
//! [`ledger`]. The row in the ledger is what makes an upload exist; a folder
//! without one is a leftover. Knows of neither HTTP nor wasm.

mod deliveries;
mod incoming;
mod ledger;
mod posts;
mod queue;
mod schema;
mod secret;
mod sessions;
mod space;
mod sweep;
mod uploads;
mod workers;

pub use deliveries::{Claim, Due, Outcome, Pause, Recorded};
pub use incoming::{Incoming, IncomingFile};
pub use ledger::LedgerError;
pub use posts::beside;
pub use queue::{Dropped, Entry, PausedAction, Queue, QueueError, Retried};
pub use sessions::{Announcement, Sessions};
pub use space::{FreeSpace, is_in_memory};
pub use uploads::{Accepted, Planned, Post, Wait};

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use rustix::fs::FlockOperation;

use crate::upload::{Origin, Upload};
use ledger::Ledger;

/// EX_IOERR of `sysexits.h`.
const EXIT_IO: i32 = 74;

/// The server's folder on disk.
pub struct Spool {
    root: PathBuf,
    ledger: Ledger,
    /// `data_version` of the ledger when it was last looked at.
    seen: Mutex<i64>,
    /// Deliveries that are not delivered; see [`Spool::undelivered`].
    undelivered: AtomicI64,
    /// Held as long as the server lives.
    _lock: File,
}

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Files or folders.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The ledger.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl Spool {
    /// Opens the spool at `root`, creating what is missing.
    ///
    /// # Errors
    /// The folder cannot be written, or another server uses it.
    pub fn open(root: &Path) -> io::Result<Self> {
        if !root.exists() {
            fs::create_dir_all(root)?;
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        let lock = lock(root)?.ok_or_else(|| {
            let words = "another server uses this folder; stop it or set SPOOL_FOLDER";
            io::Error::new(io::ErrorKind::ResourceBusy, words)
        })?;
        for folder in ["uploads", "notes"] {
            fs::create_dir_all(root.join(folder))?;
        }
        File::open(root)?.sync_all()?;
        let ledger = Ledger::open(root.join(queue::LEDGER), root.join("uploads"))
            .map_err(io::Error::other)?;
        let undelivered = AtomicI64::new(0);
        Ok(Self { root: root.to_owned(), ledger, seen: Mutex::new(0), undelivered, _lock: lock })
    }

    /// A place for an upload that is about to come. Nothing of it is on disk
    /// before its first file is complete, or has 512 KiB.
    pub fn begin(&self) -> Incoming {
        Incoming::new(&self.root.join("uploads"))
    }

    /// Makes `upload` durable together with its deliveries. When this returns
    /// `Ok`, it survives whatever happens. When not, nothing of it is left.
    ///
    /// # Errors
    /// The disk's.
    pub async fn accept(
        &self,
        upload: &Upload,
        incoming: Incoming,
        planned: Vec<Planned>,
        repeat_window: Duration,
    ) -> Result<Accepted, SpoolError> {
        let deliveries = i64::try_from(planned.len()).unwrap_or(i64::MAX);
        let accepted: Result<Accepted, SpoolError> = async {
            incoming.keep().await?;
            let upload = upload.clone();
            let work = move |db: &Connection| {
                if let Origin::Social { service, session } = &upload.origin {
                    uploads::close_others(db, service, session, &upload.body)?;
                }
                uploads::insert(db, &upload, &planned, repeat_window)
            };
            Ok(self.ledger.write_with_folder(work).await?)
        }
        .await;
        match &accepted {
            Ok(Accepted::New) => {
                self.undelivered.fetch_add(deliveries, Ordering::Relaxed);
            }
            Ok(Accepted::Repeat) => incoming.discard().await,
            Err(error) => {
                incoming.discard().await;
                if matches!(error, SpoolError::Ledger(error) if error.is_uncertain()) {
                    self.refuse(upload.id.clone()).await;
                }
            }
        }
        accepted
    }

    /// Makes sure that an upload whose commit is uncertain is never delivered,
    /// since its camera hears an error. When not even that can be written,
    /// only the end of the process keeps the camera from hearing anything.
    async fn refuse(&self, upload: String) {
        let written = self
            .ledger
            .write(move |db| {
                db.execute("INSERT OR IGNORE INTO refused (upload) VALUES (?1)", [&upload])?;
                db.execute("DELETE FROM uploads WHERE id = ?1", [&upload])
            })
            .await;
        if let Err(error) = written {
            give_up(&error);
        }
    }

    /// Closes posts whose time is up, takes up to `places` deliveries that can
    /// go now, which are then marked as being delivered, and tells when the next
    /// thing is due.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn claim(&self, places: usize) -> Result<Due, LedgerError> {
        self.ledger.write_lazily(move |db| deliveries::claim(db, places, SystemTime::now())).await
    }

    /// Writes down what became of a delivery, and with it whether its action
    /// is called from now on.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn record(
        &self,
        claim: &Claim,
        outcome: Outcome,
        pause: Option<(String, Duration)>,
        keep_files: Duration,
    ) -> Result<Recorded, LedgerError> {
        let delivered = matches!(outcome, Outcome::Delivered { .. });
        let (number, upload) = (claim.number, claim.upload.id.clone());
        let action = claim.action.to_string();
        let recorded = self
            .ledger
            .write(move |db| {
                let now = SystemTime::now();
                deliveries::record(db, number, &outcome, now)?;
                let mut recorded = Recorded::default();
                if let Some((reason, wait)) = &pause {
                    recorded.paused = deliveries::paused(db, &action)?.is_none();
                    deliveries::pause(db, &action, reason, *wait, now)?;
                }
                if outcome.is_answer() {
                    recorded.resumed = deliveries::resume(db, &action, now)?;
                }
                recorded.finished =
                    delivered && deliveries::finish(db, &upload, sweep::ago(keep_files))?;
                Ok(recorded)
            })
            .await?;
        self.undelivered.fetch_sub(delivered.into(), Ordering::Relaxed);
        Ok(recorded)
    }

    /// How many deliveries are not delivered: those that wait, and those that
    /// wait for an operator. What other processes change is known when
    /// [`Spool::is_changed`] has noticed it.
    pub fn undelivered(&self) -> usize {
        usize::try_from(self.undelivered.load(Ordering::Relaxed)).unwrap_or(0)
    }

    async fn count_undelivered(&self) -> Result<(), LedgerError> {
        let count = self.ledger.write_lazily(deliveries::undelivered).await?;
        self.undelivered.store(count, Ordering::Relaxed);
        Ok(())
    }

    /// The pause of `action`, if it is paused.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn paused(&self, action: &str) -> Result<Option<Pause>, LedgerError> {
        let action = action.to_owned();
        self.ledger.write_lazily(move |db| deliveries::paused(db, &action)).await
    }

    /// Moves everything that is set for a time by `milliseconds`, after the
    /// clock jumped by as much.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn shift(&self, milliseconds: i64) -> Result<(), LedgerError> {
        self.ledger.write(move |db| deliveries::shift(db, milliseconds, SystemTime::now())).await
    }

    /// Whether another process has changed the ledger since the last question.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn is_changed(&self) -> Result<bool, LedgerError> {
        let version = self.ledger.data_version().await?;
        let changed = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *seen, version) != version
        };
        if changed {
            self.count_undelivered().await?;
        }
        Ok(changed)
    }

    /// Folder of an upload's files, and of nothing else.
    pub fn folder(&self, upload: &str) -> PathBuf {
        self.root.join("uploads").join(upload)
    }

    /// Where an action's notes on a delivery go.
    pub fn notes(&self, delivery: &str) -> PathBuf {
        self.root.join("notes").join(format!("{delivery}.notes"))
    }

    /// The sessions of cameras.
    ///
    /// # Errors
    /// The disk's.
    pub fn sessions(&self) -> io::Result<Sessions> {
        Sessions::open(&self.root.join("sessions.sqlite"))
    }

    /// Folder of compiled plugins.
    pub fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }
}

/// The lock that a server holds on its spool, none if one does already.
fn lock(root: &Path) -> io::Result<Option<File>> {
    let lock = File::options().create(true).append(true).open(root.join("lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Ends the process: what is on disk is known again at the next start.
fn give_up(error: &LedgerError) -> ! {
    tracing::error!("the disk of the spool fails, so the server ends: {error}");
    std::process::exit(EXIT_IO)
}
