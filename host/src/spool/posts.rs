//! Posts whose files come one by one.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use super::{Incoming, LedgerError, Post, Spool, SpoolError, Wait, give_up, uploads};
use crate::file_name;
use crate::upload::{self, Upload};

impl Spool {
    /// The post of this session and service that waits for more files.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn post(&self, service: &str, session: &str) -> Result<Option<Post>, LedgerError> {
        let (service, session) = (service.to_owned(), session.to_owned());
        self.ledger.write_lazily(move |db| uploads::collecting(db, &service, &session)).await
    }

    /// Whether every file of `upload`, a post's, came lately with the same
    /// session and text.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn is_repeat(&self, upload: &Upload, window: Duration) -> Result<bool, LedgerError> {
        let upload = upload.clone();
        self.ledger
            .write_lazily(move |db| {
                for file in &upload.files {
                    if !uploads::has_file(db, &upload, &file.sha256, window)? {
                        return Ok(false);
                    }
                }
                Ok(!upload.files.is_empty())
            })
            .await
    }

    /// Adds the files of `incoming` to `post`, under the names of `files`; it
    /// then waits as `wait` says. `false` when the post was closed meanwhile;
    /// `incoming` is then as it was.
    ///
    /// # Errors
    /// The disk's; the post is then as it was.
    pub async fn extend(
        &self,
        post: &Post,
        incoming: &Incoming,
        files: Vec<upload::File>,
        wait: Wait,
    ) -> Result<bool, SpoolError> {
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
                    uploads::extend(db, &upload, &delivery, from, &files, wait)
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
}

/// `files` under names that are free beside those of `taken`.
pub fn beside(taken: &[upload::File], files: &[upload::File]) -> Vec<upload::File> {
    let mut all = taken.to_vec();
    for file in files {
        let is_free = |name: &str| all.iter().all(|known| !known.name.eq_ignore_ascii_case(name));
        let mut name = file.name.clone();
        let mut number = 2;
        while !is_free(&name) {
            name = file_name::numbered(&file.name, number);
            number += 1;
        }
        all.push(upload::File { name, ..file.clone() });
    }
    all.split_off(taken.len())
}

fn rename_all(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    moves.iter().try_for_each(|(from, to)| match fs::rename(from, to) {
        // One that was not moved need not be moved back.
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        renamed => renamed,
    })
}
