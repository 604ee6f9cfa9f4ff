//! What is removed from the spool once it has been kept for long enough.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::lost::LostAndFound;
use super::manifest::Manifests;
use super::times::millis;
use super::{LocalSpool, NOTES, UPLOADS, gone_already, seal};
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
        let upload = claim.delivery.upload.id.clone();
        let (folder, delivery) = (self.folder(&upload), claim.delivery.id.clone());
        let manifests = Manifests::of(&self.root);
        let removed = tokio::task::spawn_blocking(move || {
            gone_already(fs::remove_file(notes))?;
            if !finished {
                return manifests.note_delivered(&upload, &delivery);
            }
            manifests.remove(&upload)?;
            gone_already(fs::remove_dir_all(folder))
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
                let finished = finish_all(db, ago(keep_files))?;
                forget_receipts(db, ago(keep_receipts))?;
                Ok(finished)
            })
            .await?;
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || {
            let manifests = Manifests::of(&root);
            for upload in finished {
                manifests.remove(&upload)?;
                gone_already(fs::remove_dir_all(root.join(UPLOADS).join(upload)))?;
            }
            LostAndFound::of(&root).expire(SystemTime::now())
        })
        .await
        .map_err(io::Error::other)??;
        Ok(())
    }
}

/// Whether the files of `upload` are needed no more: all its deliveries ended
/// well for certain, the last one before `before`. Marks them as gone.
pub(super) fn finish(db: &Connection, upload: &str, before: SystemTime) -> rusqlite::Result<bool> {
    if !seal::is_finished(db, upload, before)? {
        return Ok(false);
    }
    let finished = db
        .prepare_cached("UPDATE uploads SET has_files = 0 WHERE id = ?1 AND has_files = 1")?
        .execute([upload])?;
    Ok(finished == 1)
}

/// [`finish`] for all uploads; those whose files are now marked as gone.
fn finish_all(db: &Connection, before: SystemTime) -> rusqlite::Result<Vec<String>> {
    let found = ended(db, true, before)?;
    let mut finished = Vec::new();
    for upload in &found {
        if finish(db, upload, before)? {
            finished.push(upload.clone());
        }
    }
    if finished.len() < found.len() {
        tracing::error!(
            "{} uploads look delivered, but the ledger's checksums do not fit; their files are kept",
            found.len() - finished.len()
        );
    }
    Ok(finished)
}

/// Forgets uploads whose receipts are older than `before`.
fn forget_receipts(db: &Connection, before: SystemTime) -> rusqlite::Result<()> {
    for upload in ended(db, false, before)? {
        if seal::is_finished(db, &upload, before)? {
            db.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([upload])?;
        }
    }
    Ok(())
}

/// Uploads, with their files or without, whose deliveries all seem to have ended
/// well, the last one before `before`.
fn ended(db: &Connection, has_files: bool, before: SystemTime) -> rusqlite::Result<Vec<String>> {
    db.prepare(
        "SELECT id FROM uploads WHERE has_files = ?1
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.upload = uploads.id
            AND (d.state <> 'delivered' OR d.ended_at > ?2))",
    )?
    .query_map(params![has_files, millis(before)], |row| row.get(0))?
    .collect()
}

pub(super) fn ago(time: Duration) -> SystemTime {
    SystemTime::now().checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH)
}
