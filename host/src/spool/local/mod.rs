//! A spool in a folder of this machine: the files of each upload in a folder of
//! its own, all else in the [`ledger`]. The row in the ledger is what makes an
//! upload exist.

mod backup_cameras;
mod backup_repeats;
#[cfg(test)]
mod conformance;
mod deliveries;
mod folder;
mod ledger;
mod pipeline;
mod posts;
mod queue;
mod recovery;
mod retention;
mod schema;
mod secret;
mod sessions;
mod uploads;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rusqlite::Connection;
use rustix::fs::FlockOperation;
use tokio::task::spawn_blocking;

pub use queue::LocalQueue;

use super::{
    Accepted, Claim, Due, Lease, Outcome, Pause, Planned, Post, Recorded, Repeats, Sessions,
    Sighting, Spool, SpoolError, Wait,
};
use crate::upload::{self, FileNotes, Notes, Origin, Upload, WorkingCopy};
use folder::Folder;
use ledger::{Ledger, LedgerError};

/// EX_IOERR of `sysexits.h`.
const EXIT_IO: i32 = 74;

/// File of the ledger in the spool's folder.
const LEDGER: &str = "ledger.sqlite";
/// Folder of the uploads' folders.
const UPLOADS: &str = "uploads";
/// Folder of what actions remember.
const NOTES: &str = "notes";

/// The server's folder on disk.
pub struct LocalSpool {
    root: PathBuf,
    ledger: Ledger,
    /// `data_version` of the ledger when it was last looked at.
    seen: Mutex<i64>,
    /// Deliveries that are not delivered; see [`Spool::undelivered`].
    undelivered: AtomicI64,
}

impl LocalSpool {
    /// Opens the spool at `root`, creating what is missing.
    ///
    /// # Errors
    /// The folder cannot be written, or another server uses it.
    pub fn open(root: &Path) -> Result<Self, SpoolError> {
        let unusable = |words: String| SpoolError::Unusable { place: root.to_owned(), words };
        let failed = |error: io::Error| {
            unusable(format!("{error}; make it writable for this user or set SPOOL_FOLDER"))
        };
        let lock = make(root).map_err(failed)?.ok_or_else(|| {
            unusable("another server uses this folder; stop it or set SPOOL_FOLDER".to_owned())
        })?;
        let ledger = Ledger::open(root.join(LEDGER), root.join(UPLOADS), lock)
            .map_err(|error| failed(io::Error::other(error)))?;
        let undelivered = AtomicI64::new(0);
        Ok(Self { root: root.to_owned(), ledger, seen: Mutex::new(0), undelivered })
    }

    /// Makes sure that an upload whose commit is uncertain is never delivered,
    /// since its camera hears an error. When not even that can be written,
    /// only the end of the process keeps the camera from hearing anything.
    async fn refuse(&self, upload: String) {
        let written = self
            .ledger
            .write(move |db| {
                db.execute("INSERT OR IGNORE INTO refused (upload) VALUES (?1)", [&upload])?;
                backup_repeats::forget(db, &upload)?;
                db.execute("DELETE FROM uploads WHERE id = ?1", [&upload])
            })
            .await;
        if let Err(error) = written {
            give_up(&error);
        }
    }

    async fn count_undelivered(&self) -> Result<(), LedgerError> {
        let count = self.ledger.write_lazily(deliveries::undelivered).await?;
        self.undelivered.store(count, Ordering::Relaxed);
        Ok(())
    }

    /// Folder of an upload's files, and of nothing else.
    fn folder(&self, upload: &str) -> PathBuf {
        self.root.join(UPLOADS).join(upload)
    }
}

#[async_trait]
impl Spool for LocalSpool {
    fn begin(&self) -> Lease {
        let id = uuid::Uuid::now_v7().to_string();
        let folder = Folder::new(self.folder(&id));
        Lease::new(id, Arc::new(folder))
    }

    async fn accept(
        &self,
        upload: &Upload,
        lease: Lease,
        planned: Vec<Planned>,
        repeats: Repeats,
    ) -> Result<Accepted, SpoolError> {
        let deliveries = i64::try_from(planned.len()).unwrap_or(i64::MAX);
        let accepted: Result<Accepted, Refusal> = async {
            let folder = self.folder(lease.id());
            spawn_blocking(move || folder::sync(&folder)).await.map_err(io::Error::other)??;
            lease.keep();
            let upload = upload.clone();
            let work = move |db: &Connection| {
                if let Origin::Social { service, session } = &upload.origin {
                    uploads::close_others(db, service, session, &upload.body)?;
                }
                uploads::insert(db, &upload, &planned, repeats)
            };
            Ok(self.ledger.write_with_folder(work).await?)
        }
        .await;
        match &accepted {
            Ok(Accepted::New) => {
                self.undelivered.fetch_add(deliveries, Ordering::Relaxed);
            }
            Ok(Accepted::Repeat) => lease.discard().await,
            Err(error) => {
                lease.discard().await;
                if error.is_uncertain() {
                    self.refuse(upload.id.clone()).await;
                }
            }
        }
        Ok(accepted?)
    }

    async fn post(&self, service: &str, session: &str) -> Result<Option<Post>, SpoolError> {
        let (service, session) = (service.to_owned(), session.to_owned());
        let work = move |db: &Connection| uploads::collecting(db, &service, &session);
        Ok(self.ledger.write_lazily(work).await?)
    }

    async fn is_repeat(&self, upload: &Upload, window: Duration) -> Result<bool, SpoolError> {
        let upload = upload.clone();
        let work = move |db: &Connection| uploads::is_repeat(db, &upload, window);
        Ok(self.ledger.write_lazily(work).await?)
    }

    async fn extend(
        &self,
        post: &Post,
        lease: &Lease,
        files: Vec<upload::File>,
        wait: Wait,
    ) -> Result<bool, SpoolError> {
        self.extend_post(post, lease, files, wait).await
    }

    async fn recover(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError> {
        self.take_up(actions).await
    }

    async fn claim(&self, places: usize) -> Result<Due, SpoolError> {
        let notes = self.root.join(NOTES);
        let work = move |db: &Connection| deliveries::claim(db, places, SystemTime::now(), &notes);
        Ok(self.ledger.write_lazily(work).await?)
    }

    async fn open(&self, upload: &Upload) -> Result<WorkingCopy, SpoolError> {
        let copy = WorkingCopy::of(self.folder(&upload.id));
        for file in &upload.files {
            match tokio::fs::metadata(copy.path(file)).await {
                Ok(found) if found.len() == file.size => {}
                // A disk that fails may work again; a file that is gone stays so.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let words = format!("{}: {error}", copy.path(file).display());
                    return Err(io::Error::new(error.kind(), words).into());
                }
                _ => return Err(SpoolError::Gone(file.name.clone())),
            }
        }
        Ok(copy)
    }

    fn notes(&self, delivery: &str) -> Arc<dyn Notes> {
        Arc::new(FileNotes(self.root.join(NOTES).join(format!("{delivery}.notes"))))
    }

    async fn record(
        &self,
        claim: &Claim,
        outcome: Outcome,
        pause: Option<(String, Duration)>,
        keep_files: Duration,
    ) -> Result<Recorded, SpoolError> {
        let delivered = matches!(outcome, Outcome::Delivered { .. });
        let (number, attempt) = (claim.number, claim.delivery.attempt);
        let upload = claim.delivery.upload.id.clone();
        let action = claim.delivery.action.to_string();
        let recorded = self
            .ledger
            .write(move |db| {
                let now = SystemTime::now();
                if !deliveries::record(db, number, attempt, &outcome, now)? {
                    return Ok(None);
                }
                let mut recorded = Recorded::default();
                if let Some((reason, wait)) = &pause {
                    recorded.paused = deliveries::paused(db, &action)?.is_none();
                    deliveries::pause(db, &action, reason, *wait, now)?;
                }
                if outcome.is_answer() {
                    recorded.resumed = deliveries::resume(db, &action, now)?;
                }
                recorded.finished =
                    delivered && deliveries::finish(db, &upload, retention::ago(keep_files))?;
                Ok(Some(recorded))
            })
            .await?;
        let recorded = recorded.ok_or(SpoolError::TakenOver)?;
        self.undelivered.fetch_sub(delivered.into(), Ordering::Relaxed);
        Ok(recorded)
    }

    async fn remove(&self, claim: &Claim, finished: bool) -> Result<(), SpoolError> {
        self.remove_delivered(claim, finished).await
    }

    async fn clean(&self, keep_files: Duration, keep_receipts: Duration) -> Result<(), SpoolError> {
        self.remove_old(keep_files, keep_receipts).await
    }

    async fn paused(&self, action: &str) -> Result<Option<Pause>, SpoolError> {
        let action = action.to_owned();
        let work = move |db: &Connection| deliveries::paused(db, &action);
        Ok(self.ledger.write_lazily(work).await?)
    }

    async fn shift(&self, milliseconds: i64) -> Result<(), SpoolError> {
        let work = move |db: &Connection| deliveries::shift(db, milliseconds, SystemTime::now());
        Ok(self.ledger.write(work).await?)
    }

    async fn is_changed(&self) -> Result<bool, SpoolError> {
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

    fn undelivered(&self) -> usize {
        usize::try_from(self.undelivered.load(Ordering::Relaxed)).unwrap_or(0)
    }

    async fn sighted(&self, sighting: Sighting) -> Result<(), SpoolError> {
        let work = move |db: &Connection| backup_cameras::note(db, &sighting);
        Ok(self.ledger.write_lazily(work).await?)
    }

    async fn secret(&self) -> Result<String, SpoolError> {
        secret(&self.root).await
    }

    async fn sessions(&self) -> Result<Arc<dyn Sessions>, SpoolError> {
        let file = self.root.join("sessions.sqlite");
        let opened = spawn_blocking(move || sessions::LocalSessions::open(&file)).await;
        Ok(Arc::new(opened.map_err(io::Error::other)??))
    }
}

/// The secret of the spool at `root`, made if there is none.
///
/// # Errors
/// The disk's.
pub async fn secret(root: &Path) -> Result<String, SpoolError> {
    let root = root.to_owned();
    let read = spawn_blocking(move || {
        fs::create_dir_all(&root)?;
        secret::of(&root)
    });
    Ok(read.await.map_err(io::Error::other)??)
}

/// Why an upload is not in the ledger.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl Refusal {
    /// Whether it may be there all the same.
    fn is_uncertain(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_uncertain())
    }
}

impl From<Refusal> for SpoolError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Disk(error) => error.into(),
            Refusal::Ledger(error) => error.into(),
        }
    }
}

/// Makes what is missing of the folders; the lock that a server holds, none if
/// one does already.
fn make(root: &Path) -> io::Result<Option<File>> {
    if !root.exists() {
        fs::create_dir_all(root)?;
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    let Some(lock) = lock(root)? else { return Ok(None) };
    for folder in [UPLOADS, NOTES] {
        fs::create_dir_all(root.join(folder))?;
    }
    File::open(root)?.sync_all()?;
    Ok(Some(lock))
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

/// Gone already is as good as removed.
fn gone_already(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Ends the process: what is on disk is known again at the next start.
fn give_up(error: &LedgerError) -> ! {
    tracing::error!("the disk of the spool fails, so the server ends: {error}");
    std::process::exit(EXIT_IO)
}
