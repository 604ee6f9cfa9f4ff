//! What a start does with what an earlier run left.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::{LocalSpool, NOTES, UPLOADS, deliveries};
use crate::spool::SpoolError;

impl LocalSpool {
    /// Takes up what an earlier run left: deliveries that were under way are
    /// queued again, leftovers are removed. Answers the actions that parked
    /// deliveries wait for and that are not in `actions`.
    ///
    /// # Errors
    /// The disk's.
    pub(super) async fn take_up(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError> {
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
            sweep_uploads(&root.join(UPLOADS), &uploads)?;
            sweep_posts(&root.join(UPLOADS), &of_posts)?;
            sweep_notes(&root.join(NOTES), &waiting)
        })
        .await
        .map_err(io::Error::other)??;
        self.count_undelivered().await?;
        Ok(missing)
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
