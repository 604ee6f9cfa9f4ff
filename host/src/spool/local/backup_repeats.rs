//! Which files came by Auto Backup: by sender and content, whatever they are
//! called, wherever they went, and whatever is kept of their uploads.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::times::{duration_millis, millis};
use crate::upload::Upload;

/// Whether every file of `upload` came from its sender within `window` and was
/// neither rejected nor parked nor dropped. If so, that counts from now.
pub(super) fn is_known(
    db: &Connection,
    upload: &Upload,
    window: Duration,
) -> rusqlite::Result<bool> {
    let now = millis(SystemTime::now());
    let since = now - duration_millis(window);
    db.prepare_cached("DELETE FROM backup_repeats WHERE at <= ?1")?.execute([since])?;
    if upload.files.is_empty() {
        return Ok(false);
    }
    for file in &upload.files {
        let known = db
            .prepare_cached(
                "UPDATE backup_repeats SET at = max(at, ?4)
                 WHERE sender = ?1 AND sha256 = ?2 AND size = ?3 AND NOT EXISTS (
                    SELECT 1 FROM deliveries d WHERE d.upload = backup_repeats.upload
                    AND d.state IN ('rejected', 'parked'))",
            )?
            .execute(params![upload.sender, file.sha256, file.size.cast_signed(), now])?;
        if known == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes that the files of `upload` came.
pub(super) fn note(db: &Connection, upload: &Upload) -> rusqlite::Result<()> {
    for file in &upload.files {
        db.prepare_cached(
            "INSERT OR REPLACE INTO backup_repeats (sender, sha256, size, at, upload)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            upload.sender,
            file.sha256,
            file.size.cast_signed(),
            millis(SystemTime::now()),
            upload.id
        ])?;
    }
    Ok(())
}

/// Forgets the files of `upload`, which was refused or given up after all.
pub(super) fn forget(db: &Connection, upload: &str) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM backup_repeats WHERE upload = ?1", [upload])
}

/// Forgets the files of uploads whose cameras heard an error.
pub(super) fn forget_refused(db: &Connection) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM backup_repeats WHERE upload IN (SELECT upload FROM refused)", [])
}

/// Forgets all files, or those of a sender; how many.
pub(super) fn forget_all(db: &Connection, sender: Option<&str>) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM backup_repeats WHERE ?1 IS NULL OR sender = ?1", [sender])
}
