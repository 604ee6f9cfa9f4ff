//! Posts whose files come one by one.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rusqlite::Connection;
use tokio::task::spawn_blocking;

use super::manifest::Manifests;
use super::{LocalSpool, Refusal, give_up, uploads};
use crate::spool::{Lease, Post, SpoolError, Wait};
use crate::upload;

impl LocalSpool {
    /// [`Spool::extend`](crate::spool::Spool::extend): the files move into the
    /// folder of the post before the ledger has them, and back when it does not
    /// take them.
    pub(super) async fn extend_post(
        &self,
        post: &Post,
        lease: &Lease,
        files: Vec<upload::File>,
        wait: Wait,
    ) -> Result<bool, SpoolError> {
        let (source, folder) = (self.folder(lease.id()), self.folder(&post.upload.id));
        let moves: Vec<(PathBuf, PathBuf)> = lease
            .files()
            .iter()
            .zip(&files)
            .map(|(from, to)| (source.join(&from.name), folder.join(&to.name)))
            .collect();
        let back: Vec<(PathBuf, PathBuf)> =
            moves.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
        let manifests = Manifests::of(&self.root);
        let (grown, joining) = (post.upload.id.clone(), files.clone());
        let noted = spawn_blocking(move || manifests.grow(&grown, &joining));
        let moved = spawn_blocking(move || {
            rename_all(&moves)?;
            File::open(folder)?.sync_all()
        });
        let (noted, moved) = (noted.await, moved.await);
        let moved = moved.map_err(io::Error::other)?.and(noted.map_err(io::Error::other)?);
        let added = match moved {
            Ok(()) => {
                let (upload, delivery) = (post.upload.id.clone(), post.delivery.clone());
                let from = post.upload.files.len();
                let work = move |db: &Connection| {
                    uploads::extend(db, &upload, &delivery, from, &files, wait)
                };
                self.ledger.write(work).await.map_err(Refusal::from)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(Refusal::Ledger(error)) = &added
            && error.is_uncertain()
        {
            give_up(error);
        }
        if !matches!(added, Ok(true)) {
            let put_back = spawn_blocking(move || rename_all(&back));
            put_back.await.map_err(io::Error::other)??;
        }
        Ok(added?)
    }
}

fn rename_all(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    moves.iter().try_for_each(|(from, to)| match fs::rename(from, to) {
        // One that was not moved need not be moved back.
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        renamed => renamed,
    })
}
