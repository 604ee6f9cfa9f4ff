//! What the operator's pages look at, beside the queue.

use std::fs::File;

use rusqlite::params;

use super::queue::{Books, ENTRIES, entry, show};
use super::times::time;
use super::uploads;
use crate::spool::{Entry, EntryFile, Figure, QueueError};

impl Books {
    pub(super) fn delivered(&self, most: usize) -> Result<Vec<Entry>, QueueError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut entries = self
            .db
            .prepare_cached(&format!(
                "{ENTRIES} WHERE d.state = 'delivered' ORDER BY d.number DESC LIMIT ?1"
            ))?
            .query_map(params![most], entry)?
            .collect::<rusqlite::Result<Vec<Entry>>>()?;
        for entry in &mut entries {
            let files = uploads::files(&self.db, &entry.upload)?.into_iter();
            entry.files = files
                .map(|file| EntryFile { name: file.name, size: file.size, sha256: file.sha256 })
                .collect();
        }
        Ok(entries)
    }

    pub(super) fn file(&self, name: &str, index: usize) -> Result<(String, File), QueueError> {
        let entry = show(&self.db, name)?;
        let gone = QueueError::NoFiles(entry.number);
        let Some(file) = entry.files.get(index).filter(|_| entry.has_files) else {
            return Err(gone);
        };
        // Delivered and removed since the row was read.
        let bytes = File::open(self.folder(&entry).join(&file.name)).map_err(|_| gone)?;
        Ok((file.name.clone(), bytes))
    }

    pub(super) fn figures(&self) -> Result<Vec<Figure>, QueueError> {
        let figures = self
            .db
            .prepare_cached(
                "SELECT d.action, d.state, count(*), sum(d.attempt), min(u.received_at)
                 FROM deliveries d JOIN uploads u ON u.id = d.upload
                 GROUP BY d.action, d.state ORDER BY d.action, d.state",
            )?
            .query_map([], |row| {
                Ok(Figure {
                    action: row.get(0)?,
                    state: row.get(1)?,
                    count: row.get::<_, i64>(2)?.cast_unsigned(),
                    attempts: row.get::<_, i64>(3)?.cast_unsigned(),
                    oldest: time(row.get(4)?),
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(figures)
    }

    /// Counts what other connections changed, and what this one did.
    pub(super) fn changes(&self) -> Result<i64, QueueError> {
        let others: i64 = self.db.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        let own: i64 = self.db.query_row("SELECT total_changes()", [], |row| row.get(0))?;
        Ok(others.wrapping_mul(1 << 32).wrapping_add(own))
    }
}
