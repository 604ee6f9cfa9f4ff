//! Uploads on disk, from the camera's first byte to the end of their
//! deliveries: the files of each in a folder of its own, all else in the
//! [`ledger`]. The row in the ledger is what makes an upload exist; a folder
//! without one is a leftover. Knows of neither HTTP nor wasm.

mod deliveries;
mod incoming;
mod ledger;
mod queue;
mod schema;
mod sessions;
mod space;
mod uploads;

pub use deliveries::{Claim, Outcome, Pause};
pub use incoming::{Incoming, IncomingFile};
pub use ledger::LedgerError;
pub use queue::{Dropped, Entry, PausedAction, Queue, QueueError};
pub use sessions::{Announcement, Sessions};
pub use space::FreeSpace;
pub use uploads::{Accepted, Planned, Post};

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use rustix::fs::FlockOperation;

use crate::file_name;
use crate::upload::Upload;
use ledger::Ledger;

/// Free space that new uploads leave, so that what is there can still be
/// delivered and written down: a hundredth of the disk, at most 64 MiB.
const RESERVE: u64 = 64 << 20;

/// EX_IOERR of `sysexits.h`.
const EXIT_IO: i32 = 74;

/// The server's folder on disk.
pub struct Spool {
    root: PathBuf,
    ledger: Ledger,
    /// `data_version` of the ledger when it was last looked at.
    seen: Mutex<i64>,
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
        fs::create_dir_all(root)?;
        let lock = lock(root)?.ok_or_else(|| {
            io::Error::other("another server uses this folder; stop it or set SPOOL_FOLDER")
        })?;
        for folder in ["uploads", "notes"] {
            fs::create_dir_all(root.join(folder))?;
        }
        File::open(root)?.sync_all()?;
        let ledger = Ledger::open(root.join(queue::LEDGER), root.join("uploads"))
            .map_err(io::Error::other)?;
        Ok(Self { root: root.to_owned(), ledger, seen: Mutex::new(0), _lock: lock })
    }

    /// Takes up what an earlier run left: deliveries that were under way are
    /// queued again, leftovers are removed. Answers the actions that parked
    /// deliveries wait for and that are not in `actions`.
    ///
    /// # Errors
    /// The disk's.
    pub async fn recover(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError> {
        let (missing, uploads, waiting, of_posts) = self
            .ledger
            .write(move |db| {
                let missing = deliveries::recover(db, &actions, SystemTime::now())?;
                let set = |query: &str| -> rusqlite::Result<HashSet<String>> {
                    db.prepare(query)?.query_map([], |row| row.get(0))?.collect()
                };
                let uploads = set("SELECT id FROM uploads WHERE has_files = 1")?;
                let waiting = set("SELECT id FROM deliveries WHERE state <> 'delivered'")?;
                let of_posts = set("SELECT upload || '/' || name FROM files
                    WHERE upload IN (SELECT id FROM uploads
                        WHERE session IS NOT NULL AND has_files = 1)")?;
                Ok((missing, uploads, waiting, of_posts))
            })
            .await?;
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || -> io::Result<()> {
            for entry in fs::read_dir(root.join("uploads"))? {
                let entry = entry?;
                if !uploads.contains(&*entry.file_name().to_string_lossy()) {
                    tracing::info!("{}: a leftover; removed", entry.path().display());
                    fs::remove_dir_all(entry.path())?;
                }
            }
            // A file that was about to join a post when the process ended.
            let posts: HashSet<&str> =
                of_posts.iter().filter_map(|file| file.split('/').next()).collect();
            for post in posts {
                for entry in fs::read_dir(root.join("uploads").join(post))? {
                    let entry = entry?;
                    let name = format!("{post}/{}", entry.file_name().to_string_lossy());
                    if !of_posts.contains(&name) {
                        tracing::info!("{}: a leftover; removed", entry.path().display());
                        fs::remove_file(entry.path())?;
                    }
                }
            }
            for entry in fs::read_dir(root.join("notes"))? {
                let path = entry?.path();
                let id = path.file_stem().unwrap_or_default().to_string_lossy();
                let draft = path.extension().is_some_and(|extension| extension == "new");
                if draft || !waiting.contains(&*id) {
                    fs::remove_file(&path)?;
                }
            }
            Ok(())
        })
        .await
        .map_err(io::Error::other)??;
        Ok(missing)
    }

    /// A place for an upload that is about to come.
    ///
    /// # Errors
    /// The disk's; also when hardly any space is left.
    pub async fn begin(&self) -> io::Result<Incoming> {
        let disk = rustix::fs::statvfs(&self.root)?;
        let reserve = (disk.f_blocks * disk.f_frsize / 100).min(RESERVE);
        if disk.f_bavail * disk.f_frsize < reserve {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Incoming::create(&self.root.join("uploads")).await
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
        let accepted: Result<Accepted, SpoolError> = async {
            incoming.sync().await?;
            let upload = upload.clone();
            let work = move |db: &Connection| {
                if let crate::upload::Origin::Social { service, session } = &upload.origin {
                    uploads::close_others(db, service, session, &upload.body)?;
                }
                uploads::insert(db, &upload, &planned, repeat_window)
            };
            Ok(self.ledger.write_with_folder(work).await?)
        }
        .await;
        match &accepted {
            Ok(Accepted::New) => incoming.keep(),
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

    /// The post of this session and service that waits for more files.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn post(&self, service: &str, session: &str) -> Result<Option<Post>, LedgerError> {
        let (service, session) = (service.to_owned(), session.to_owned());
        self.ledger.write(move |db| uploads::collecting(db, &service, &session)).await
    }

    /// Whether every file of `upload`, a post's, came lately with the same
    /// session and text.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn is_repeat(&self, upload: &Upload, window: Duration) -> Result<bool, LedgerError> {
        let upload = upload.clone();
        self.ledger
            .write(move |db| {
                for file in &upload.files {
                    if !uploads::has_file(db, &upload, &file.sha256, window)? {
                        return Ok(false);
                    }
                }
                Ok(!upload.files.is_empty())
            })
            .await
    }

    /// Adds the files of `incoming` to `post`, under the names of `files`. It
    /// waits `collect_for` for more, or goes when there is nothing to wait for.
    /// `false` when the post was closed meanwhile; `incoming` is then as it was.
    ///
    /// # Errors
    /// The disk's; the post is then as it was.
    pub async fn extend(
        &self,
        post: &Post,
        incoming: &Incoming,
        files: Vec<crate::upload::File>,
        collect_for: Option<Duration>,
    ) -> Result<bool, SpoolError> {
        incoming.sync().await?;
        let folder = self.folder(&post.upload.id);
        let moves: Vec<(PathBuf, PathBuf)> = incoming
            .files()
            .iter()
            .zip(&files)
            .map(|(from, to)| (incoming.folder().join(&from.name), folder.join(&to.name)))
            .collect();
        let back: Vec<(PathBuf, PathBuf)> =
            moves.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
        let moved = tokio::task::spawn_blocking(move || {
            rename_all(&moves)?;
            File::open(folder)?.sync_all()
        })
        .await
        .map_err(io::Error::other)?;
        let added = match moved {
            Ok(()) => {
                let (upload, delivery) = (post.upload.id.clone(), post.delivery.clone());
                let from = post.upload.files.len();
                let work = move |db: &Connection| {
                    uploads::extend(db, &upload, &delivery, from, &files, collect_for)
                };
                self.ledger.write(work).await.map_err(SpoolError::from)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(SpoolError::Ledger(error)) = &added
            && error.is_uncertain()
        {
            give_up(error);
        }
        if !matches!(added, Ok(true)) {
            let put_back = tokio::task::spawn_blocking(move || rename_all(&back));
            put_back.await.map_err(io::Error::other)??;
        }
        added
    }

    /// The next delivery that can go, now marked as being delivered.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn claim(&self) -> Result<Option<Claim>, LedgerError> {
        self.ledger.write(|db| deliveries::claim(db, SystemTime::now())).await
    }

    /// Writes down what became of a delivery, and with `pause` that its action
    /// is not called for that long.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn record(
        &self,
        number: i64,
        outcome: Outcome,
        pause: Option<(String, String, Duration)>,
    ) -> Result<(), LedgerError> {
        self.ledger
            .write(move |db| {
                let now = SystemTime::now();
                deliveries::record(db, number, &outcome, now)?;
                match &pause {
                    Some((action, reason, wait)) => {
                        deliveries::pause(db, action, reason, *wait, now)
                    }
                    None => Ok(()),
                }
            })
            .await
    }

    /// The pause of `action`, if it is paused.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn paused(&self, action: &str) -> Result<Option<Pause>, LedgerError> {
        let action = action.to_owned();
        self.ledger.write(move |db| deliveries::paused(db, &action)).await
    }

    /// Ends the pause of `action`; whether there was one.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn resume(&self, action: &str) -> Result<bool, LedgerError> {
        let action = action.to_owned();
        self.ledger.write(move |db| deliveries::resume(db, &action, SystemTime::now())).await
    }

    /// Closes posts whose time is up, and tells when the next thing is due.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn next_due(&self) -> Result<Option<SystemTime>, LedgerError> {
        self.ledger
            .write(|db| {
                let now = SystemTime::now();
                match deliveries::close_posts(db, now)? {
                    0 => deliveries::next_due(db, now),
                    _ => Ok(Some(now)),
                }
            })
            .await
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
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *seen, version) != version)
    }

    /// Removes the notes of a delivery that ended, and its upload's files if
    /// they are needed no longer than `keep_files` after.
    ///
    /// # Errors
    /// The disk's.
    pub async fn finish(
        &self,
        upload: &str,
        delivery: &str,
        keep_files: Duration,
    ) -> Result<(), SpoolError> {
        let id = upload.to_owned();
        let before = ago(keep_files);
        let finished = self.ledger.write(move |db| deliveries::finish(db, &id, before)).await?;
        let notes = self.notes(delivery);
        let folder = self.folder(upload);
        tokio::task::spawn_blocking(move || {
            remove(fs::remove_file(notes))?;
            if finished { remove(fs::remove_dir_all(folder)) } else { Ok(()) }
        })
        .await
        .map_err(io::Error::other)??;
        Ok(())
    }

    /// Removes files and receipts that were kept for long enough.
    ///
    /// # Errors
    /// The disk's.
    pub async fn clean(
        &self,
        keep_files: Duration,
        keep_receipts: Duration,
    ) -> Result<(), SpoolError> {
        let finished = self
            .ledger
            .write(move |db| {
                let finished = deliveries::finish_all(db, ago(keep_files))?;
                deliveries::forget_receipts(db, ago(keep_receipts))?;
                Ok(finished)
            })
            .await?;
        let folders: Vec<PathBuf> = finished.iter().map(|id| self.folder(id)).collect();
        tokio::task::spawn_blocking(move || {
            folders.into_iter().try_for_each(|folder| remove(fs::remove_dir_all(folder)))
        })
        .await
        .map_err(io::Error::other)??;
        Ok(())
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

    /// The server's own secret, made at its first start: 64 hexadecimal digits.
    ///
    /// # Errors
    /// The disk's.
    pub fn secret(&self) -> io::Result<String> {
        use std::io::{Read, Write};
        use std::os::unix::fs::OpenOptionsExt;

        let path = self.root.join("secret");
        match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut random = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let secret = crate::digest::hex(&random);
        let new = self.root.join("secret.new");
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.root)?.sync_all()?;
        Ok(secret)
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

/// `files` under names that are free beside those of `taken`.
pub fn beside(
    taken: &[crate::upload::File],
    files: &[crate::upload::File],
) -> Vec<crate::upload::File> {
    let mut all = taken.to_vec();
    for file in files {
        let is_free = |name: &str| all.iter().all(|known| !known.name.eq_ignore_ascii_case(name));
        let mut name = file.name.clone();
        let mut number = 2;
        while !is_free(&name) {
            name = file_name::numbered(&file.name, number);
            number += 1;
        }
        all.push(crate::upload::File { name, ..file.clone() });
    }
    all.split_off(taken.len())
}

/// Ends the process: what is on disk is known again at the next start.
fn give_up(error: &LedgerError) -> ! {
    tracing::error!("the disk of the spool fails, so the server ends: {error}");
    std::process::exit(EXIT_IO)
}

fn rename_all(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    moves.iter().try_for_each(|(from, to)| match fs::rename(from, to) {
        // One that was not moved need not be moved back.
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        renamed => renamed,
    })
}

fn remove(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn ago(time: Duration) -> SystemTime {
    SystemTime::now().checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH)
}
