//! What is removed from the spool once it has been kept for long enough.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{LocalSpool, NOTES, deliveries, gone_already};
use crate::spool::{Claim, SpoolError};

impl LocalSpool {
    /// Removes what a delivered `claim` leaves behind: its notes, and with
    /// `finished` the files of its upload.
    ///
    /// # Errors
    /// The disk's.
    pub(super) async fn remove_delivered(
        &self,
        claim: &Claim,
        finished: bool,
    ) -> Result<(), SpoolError> {
        let notes = self.root.join(NOTES).join(format!("{}.notes", claim.delivery.id));
        let folder = self.folder(&claim.delivery.upload.id);
        let removed = tokio::task::spawn_blocking(move || {
            gone_already(fs::remove_file(notes))?;
            if finished { gone_already(fs::remove_dir_all(folder)) } else { Ok(()) }
        });
        Ok(removed.await.map_err(io::Error::other)??)
    }

    /// Removes files and receipts that were kept for long enough.
    ///
    /// # Errors
    /// The disk's.
    pub(super) async fn remove_old(
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
            folders.into_iter().try_for_each(|folder| gone_already(fs::remove_dir_all(folder)))
        })
        .await
        .map_err(io::Error::other)??;
        Ok(())
    }
}

pub(super) fn ago(time: Duration) -> SystemTime {
    SystemTime::now().checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH)
}
