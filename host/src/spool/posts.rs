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
    /// `incoming` has its files again then, and may be accepted by itself.
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::action_name::ActionName;
    use crate::spool::Planned;
    use crate::upload::Origin;

    async fn photo(spool: &Spool, bytes: &[u8]) -> (Upload, Incoming) {
        let mut incoming = spool.begin();
        let mut file = incoming.create_file("SAM_0001.JPG", "image/jpeg".to_owned()).unwrap();
        file.append(bytes).await.unwrap();
        incoming.finish_file(file).await.unwrap();
        let origin =
            Origin::Social { service: "facebook".to_owned(), session: "session".to_owned() };
        let upload = Upload {
            id: incoming.id().to_owned(),
            origin,
            sender: "a@example.org".to_owned(),
            recipients: Vec::new(),
            subject: String::new(),
            body: "Two photos".to_owned(),
            camera: None,
            received_at: SystemTime::now(),
            files: incoming.files().to_vec(),
        };
        (upload, incoming)
    }

    #[tokio::test]
    async fn a_photo_for_a_post_that_was_closed_meanwhile_becomes_an_upload_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let planned = |id: &str, wait| {
            let action = ActionName::parse("mastodon");
            vec![Planned { id: id.to_owned(), action, recipients: Vec::new(), wait }]
        };
        let (first, incoming) = photo(&spool, b"first").await;
        let at_once = Wait::File(Duration::ZERO);
        spool.accept(&first, incoming, planned("1", at_once), Duration::ZERO).await.unwrap();
        let post = spool.post("facebook", "session").await.unwrap().unwrap();
        let closed = spool.claim(1).await.unwrap();
        assert_eq!(closed.claims.len(), 1);

        let (second, incoming) = photo(&spool, b"second").await;
        let files = beside(&post.upload.files, &second.files);
        assert!(!spool.extend(&post, &incoming, files, at_once).await.unwrap());
        spool.accept(&second, incoming, planned("2", at_once), Duration::ZERO).await.unwrap();
        for (upload, bytes) in [(&first, &b"first"[..]), (&second, b"second")] {
            let folder = spool.folder(&upload.id);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{}", folder.display());
            assert_eq!(fs::read(folder.join("SAM_0001.JPG")).unwrap(), bytes);
        }
    }
}
