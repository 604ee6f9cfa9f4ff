//! Which cameras came by Auto Backup.

use rusqlite::{Connection, params};

use super::times::{millis, time};
use crate::spool::{BackupCamera, Sight, Sighting};

/// Cameras that are remembered; an address may be another camera's tomorrow.
const REMEMBERED: usize = 256;

/// Notes what was seen.
pub(super) fn note(db: &Connection, sighting: &Sighting) -> rusqlite::Result<()> {
    let Sighting { address, model, sender, at, sight } = sighting;
    let at = millis(*at);
    let address = address.to_string();
    db.prepare_cached(
        "INSERT INTO backup_cameras (address, sender, model, seen_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (address, sender) DO UPDATE SET model = ?3, seen_at = ?4",
    )?
    .execute(params![address, sender, model, at])?;
    match sight {
        Sight::Begun => db.execute(
            "UPDATE backup_cameras SET begun_at = ?3, done_at = NULL
             WHERE address = ?1 AND sender = ?2",
            params![address, sender, at],
        )?,
        Sight::Sent(file) => db
            .prepare_cached(
                "UPDATE backup_cameras SET last_file = ?3, last_file_at = ?4, files = files + 1
                 WHERE address = ?1 AND sender = ?2",
            )?
            .execute(params![address, sender, file, at])?,
        Sight::Done => db.execute(
            "UPDATE backup_cameras SET done_at = ?3 WHERE address = ?1 AND sender = ?2",
            params![address, sender, at],
        )?,
    };
    if matches!(sight, Sight::Begun) {
        db.execute(
            "DELETE FROM backup_cameras WHERE rowid NOT IN (
                SELECT rowid FROM backup_cameras ORDER BY seen_at DESC LIMIT ?1)",
            [i64::try_from(REMEMBERED).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(())
}

/// All that are remembered, the last one first.
pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<BackupCamera>> {
    let of = |states: &str| {
        format!(
            "(SELECT count(*) FROM uploads u JOIN deliveries d ON d.upload = u.id
              WHERE u.service = 'autobackup' AND u.session = c.address || ' ' || c.sender
              AND d.state IN ({states}))"
        )
    };
    let rfc3339 = |millis: i64| humantime::format_rfc3339_seconds(time(millis)).to_string();
    db.prepare(&format!(
        "SELECT address, model, sender, seen_at, begun_at, done_at, last_file, last_file_at, files,
            {}, {} FROM backup_cameras c ORDER BY seen_at DESC",
        of("'collecting', 'queued', 'delivering'"),
        of("'rejected', 'parked'"),
    ))?
    .query_map([], |row| {
        let at =
            |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(rfc3339));
        Ok(BackupCamera {
            address: row.get(0)?,
            model: row.get(1)?,
            sender: row.get(2)?,
            seen: rfc3339(row.get(3)?),
            begun: at(4)?,
            done: at(5)?,
            last_file: row.get(6)?,
            last_file_at: at(7)?,
            files: row.get::<_, i64>(8)?.cast_unsigned(),
            waiting: row.get::<_, i64>(9)?.cast_unsigned(),
            stuck: row.get::<_, i64>(10)?.cast_unsigned(),
        })
    })?
    .collect()
}
