//! What is removed from the spool, and when: leftovers of an earlier run, files
//! and receipts that were kept for long enough.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Claim, Spool, SpoolError, deliveries};

impl Spool {
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
            sweep_uploads(&root.join("uploads"), &uploads)?;
            sweep_posts(&root.join("uploads"), &of_posts)?;
            sweep_notes(&root.join("notes"), &waiting)
        })
        .await
        .map_err(io::Error::other)??;
        self.count_undelivered().await?;
        Ok(missing)
    }

    /// Removes what a delivered `claim` leaves behind: its notes, and with
    /// `finished` the files of its upload.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove(&self, claim: &Claim, finished: bool) -> io::Result<()> {
        let notes = self.notes(&claim.id);
        let folder = self.folder(&claim.upload.id);
        tokio::task::spawn_blocking(move || {
            remove(fs::remove_file(notes))?;
            if finished { remove(fs::remove_dir_all(folder)) } else { Ok(()) }
        })
        .await?
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
}

/// Removes folders that no upload of the ledger has.
fn sweep_uploads(folder: &Path, uploads: &HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !uploads.contains(&*entry.file_name().to_string_lossy()) {
            tell(&entry.path(), fs::remove_dir_all(entry.path()));
        }
    }
    Ok(())
}

/// Removes files that were about to join a post when the process ended.
/// `files` are those of the ledger, each as `upload/name`.
fn sweep_posts(folder: &Path, files: &HashSet<String>) -> io::Result<()> {
    let posts: HashSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    for post in posts {
        let entries = match fs::read_dir(folder.join(post)) {
            // Its delivery will tell that the files are gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if !files.contains(&format!("{post}/{}", entry.file_name().to_string_lossy())) {
                tell(&entry.path(), fs::remove_file(entry.path()));
            }
        }
    }
    Ok(())
}

/// Removes notes of what is delivered, and halves of notes.
fn sweep_notes(folder: &Path, waiting: &HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_half = path.extension().is_some_and(|extension| extension == "new");
        if is_half || !waiting.contains(&*id) {
            tell(&path, fs::remove_file(&path));
        }
    }
    Ok(())
}

/// A leftover takes room and does no other harm: no reason not to serve.
fn tell(path: &Path, removed: io::Result<()>) {
    match removed {
        Ok(()) => tracing::info!("{}: a leftover; removed", path.display()),
        Err(error) => tracing::warn!("{}: a leftover; cannot be removed: {error}", path.display()),
    }
}

/// Gone already is as good.
pub(super) fn remove(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

pub(super) fn ago(time: Duration) -> SystemTime {
    SystemTime::now().checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH)
}
