//! A spool in a folder of this machine: the files of each upload in a folder of
//! its own, all else in the [`ledger`]. The row in the ledger is what makes an
//! upload exist.

mod adopt;
mod backup_cameras;
mod backup_repeats;
#[cfg(test)]
mod conformance;
mod damage;
#[cfg(test)]
mod damage_tests;
mod database;
mod deliveries;
mod folder;
mod folders;
mod ledger;
mod lost;
mod manifest;
mod overview;
mod pipeline;
mod posts;
mod queue;
mod recovery;
mod refusal;
mod retention;
mod schema;
mod seal;
mod secret;
mod sessions;
mod times;
mod uploads;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::task::spawn_blocking;

pub use adopt::adopt;
pub use queue::LocalQueue;

use super::{
    Accepted, Claim, Due, Lease, Outcome, Pause, Planned, Post, Recorded, Repeats, Sessions,
    Sighting, Spool, SpoolError, Wait,
};
use crate::upload::{self, FileNotes, Notes, Origin, Upload, WorkingCopy};
use damage::InPlace;
use database::LedgerError;
use folder::Folder;
use folders::{gone_already, lock, make, private};
use ledger::Ledger;
use manifest::{Destination, Manifests};
use refusal::Refusal;

/// EX_IOERR of `sysexits.h`.
const EXIT_IO: i32 = 74;

/// File of the ledger in the spool's folder.
const LEDGER: &str = "ledger.sqlite";
/// Folder of the uploads' folders.
const UPLOADS: &str = "uploads";
/// Folder of what actions remember.
const NOTES: &str = "notes";
/// Folder of what tells about uploads without the ledger.
const MANIFESTS: &str = "manifests";
/// Folder of what is in no ledger.
const LOST: &str = "lost+found";

/// The server's folder on disk.
pub struct LocalSpool {
    root: PathBuf,
    ledger: Ledger,
    /// `data_version` of the ledger when it was last looked at.
    seen: Mutex<i64>,
    /// Deliveries that are not delivered; see [`Spool::undelivered`].
    undelivered: AtomicI64,
    /// The ledger's files, to notice that one is taken away.
    in_place: InPlace,
    /// Whether one was.
    is_misplaced: AtomicBool,
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
        let (ledger, in_place) =
            Ledger::open(root, lock).map_err(|error| unusable(error.to_string()))?;
        private(root, &[MANIFESTS, LOST]).map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            ledger,
            seen: Mutex::new(0),
            undelivered: AtomicI64::new(0),
            in_place,
            is_misplaced: AtomicBool::new(false),
        })
    }

    /// Looks whether the ledger's files are still those that were opened; says
    /// so once when they are not.
    async fn look_at_ledger(self: &LocalSpool) -> Result<(), SpoolError> {
        let missing = self.in_place.clone();
        let missing = spawn_blocking(move || missing.missing()).await.map_err(io::Error::other)?;
        let is_misplaced = missing.is_some();
        if let Some(missing) = missing
            && !self.is_misplaced.load(Ordering::Relaxed)
        {
            let error = LedgerError::NotInPlace(missing);
            tracing::error!("no uploads are taken and nothing is delivered: {error}");
        }
        self.is_misplaced.store(is_misplaced, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the ledger's files were in their place when they were looked at.
    ///
    /// # Errors
    /// They were not.
    fn is_in_place(&self) -> Result<(), SpoolError> {
        match self.is_misplaced.load(Ordering::Relaxed) {
            true => Err(LedgerError::NotInPlace(self.root.join(LEDGER)).into()),
            false => Ok(()),
        }
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

    /// Removes an upload that was not taken.
    async fn discard(&self, lease: Lease) {
        let (manifests, id) = (Manifests::of(&self.root), lease.id().to_owned());
        // An end of the process in between leaves it to the next start.
        let _ = spawn_blocking(move || manifests.remove(&id)).await;
        lease.discard().await;
    }

    /// Folder of an upload's files, and of nothing else.
    fn folder(&self, upload: &str) -> PathBuf {
        self.root.join(UPLOADS).join(upload)
    }
}

#[async_trait]
impl Spool for LocalSpool {
    fn begin(&self) -> Result<Lease, SpoolError> {
        self.is_in_place()?;
        let id = uuid::Uuid::now_v7().to_string();
        let folder = Folder::new(self.folder(&id));
        Ok(Lease::new(id, Arc::new(folder)))
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
            let (written, to) = (upload.clone(), planned.iter().map(Destination::from).collect());
            let manifests = Manifests::of(&self.root);
            // At the same time: the file system puts both on disk at once.
            let manifest = spawn_blocking(move || manifests.write(&written, to));
            let synced = spawn_blocking(move || folder::sync(&folder));
            let (manifest, synced) = (manifest.await, synced.await);
            manifest.map_err(io::Error::other)??;
            synced.map_err(io::Error::other)??;
            lease.keep();
            let upload = upload.clone();
            let (manifests, id) = (Manifests::of(&self.root), upload.id.clone());
            let vouch = move |accepted: &Accepted| {
                if *accepted == Accepted::New {
                    manifests.vouch(&id);
                }
            };
            let work = move |db: &Connection| {
                if let Origin::Social { service, session } = &upload.origin {
                    uploads::close_others(db, service, session, &upload.body)?;
                }
                uploads::insert(db, &upload, &planned, repeats)
            };
            Ok(self.ledger.write_with_folder(work, vouch).await?)
        }
        .await;
        match &accepted {
            Ok(Accepted::New) => {
                self.undelivered.fetch_add(deliveries, Ordering::Relaxed);
            }
            Ok(Accepted::Repeat) => self.discard(lease).await,
            Err(error) => {
                // Its files stay until it is certain that the ledger has it not.
                if error.is_uncertain() {
                    self.refuse(upload.id.clone()).await;
                }
                self.discard(lease).await;
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
        self.is_in_place()?;
        self.extend_post(post, lease, files, wait).await
    }

    async fn recover(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError> {
        self.take_up(actions).await
    }

    async fn claim(&self, places: usize) -> Result<Due, SpoolError> {
        self.is_in_place()?;
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
                    delivered && retention::finish(db, &upload, retention::ago(keep_files))?;
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
        self.look_at_ledger().await?;
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

/// Ends the process: what is on disk is known again at the next start.
fn give_up(error: &LedgerError) -> ! {
    tracing::error!("the disk of the spool fails, so the server ends: {error}");
    std::process::exit(EXIT_IO)
}
