//! The ledger's tables, and how older ones become these.

use rusqlite::{Connection, TransactionBehavior};

use super::seal;
use crate::digest;

/// What each version added. `user_version` is the last that was applied; a
/// released one never changes.
const MIGRATIONS: &[(u32, &str)] = &[
    (
        1,
        "
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL CHECK (origin IN ('email', 'social')),
    service TEXT,
    session TEXT,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL, -- JSON
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    camera TEXT,
    received_at INTEGER NOT NULL, -- this and all times: milliseconds since 1970
    content TEXT NOT NULL, -- digest of all that makes it the same upload again
    has_files INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX uploads_by_content ON uploads (content, received_at);
CREATE INDEX uploads_by_session ON uploads (session, service) WHERE session IS NOT NULL;

CREATE TABLE files (
    upload TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (upload, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    id TEXT NOT NULL UNIQUE,
    upload TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    action TEXT NOT NULL,
    recipients TEXT NOT NULL, -- JSON
    lane TEXT NOT NULL, -- within one lane and action, order is kept
    state TEXT NOT NULL CHECK (state IN
        ('collecting', 'queued', 'delivering', 'delivered', 'rejected', 'parked')),
    holds INTEGER NOT NULL DEFAULT 1, -- whether it holds back later ones of its lane
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    traps INTEGER NOT NULL DEFAULT 0, -- in a row
    waited INTEGER NOT NULL DEFAULT 0, -- milliseconds between its attempts, in all
    wait INTEGER NOT NULL DEFAULT 0, -- milliseconds that due_at was set ahead
    due_at INTEGER NOT NULL,
    last_error TEXT,
    summary TEXT, -- of the receipt
    links TEXT, -- JSON
    ended_at INTEGER
) STRICT;
CREATE INDEX deliveries_by_upload ON deliveries (upload);
CREATE INDEX deliveries_by_state ON deliveries (state, number);
CREATE INDEX deliveries_waiting ON deliveries (action, lane, number)
    WHERE state IN ('queued', 'delivering');

-- Uploads whose commit failed in a way that leaves open whether it is on disk;
-- the camera heard an error.
CREATE TABLE refused (
    upload TEXT PRIMARY KEY
) STRICT;

CREATE TABLE pauses (
    action TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL,
    probes INTEGER NOT NULL DEFAULT 0,
    wait INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
",
    ),
    (
        2,
        "
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state IN ('queued', 'collecting');
",
    ),
    (
        3,
        "
CREATE TABLE attributes ( -- of uploads that have some
    upload TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    pairs TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN folders TEXT; -- below the action's own

-- Files that came by Auto Backup, by content.
CREATE TABLE backup_repeats (
    sender TEXT NOT NULL COLLATE NOCASE,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    at INTEGER NOT NULL,
    upload TEXT NOT NULL, -- which may be gone
    PRIMARY KEY (sender, sha256, size)
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_repeats_by_age ON backup_repeats (at);

CREATE TABLE backup_cameras (
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    model TEXT,
    seen_at INTEGER NOT NULL,
    begun_at INTEGER,
    done_at INTEGER,
    last_file TEXT,
    last_file_at INTEGER,
    files INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (address, sender)
) STRICT;
",
    ),
    // Then come digests in place of sessions' keys, and a seal for each upload.
    (
        SEALED,
        "
CREATE TABLE seals ( -- see seal.rs
    upload TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE,
    seal TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN receipt TEXT; -- digest of a receipt, see seal.rs
",
    ),
];

/// The version that sealed uploads.
const SEALED: u32 = 4;

/// Applies what is missing.
///
/// # Errors
/// The database's, or it was written by a newer version of this program.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // A session's key must be gone where its digest has taken its place.
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let newest = MIGRATIONS.iter().map(|(version, _)| *version).max().unwrap_or_default();
    if applied > newest {
        return Err(too_new("ledger.sqlite", applied, newest));
    }
    for (version, migration) in MIGRATIONS {
        if *version > applied {
            transaction.execute_batch(migration)?;
            if *version == SEALED {
                hide_sessions(&transaction)?;
                seal::seal_all(&transaction)?;
            }
            transaction.pragma_update(None, "user_version", version)?;
        }
    }
    transaction.commit()?;
    if (1..SEALED).contains(&applied) {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    connection.pragma_update(None, "secure_delete", false)
}

/// Puts a digest in the place of each session's key: only grouping is meant, and
/// whoever reads a key can send in the name of its user.
fn hide_sessions(db: &Connection) -> rusqlite::Result<()> {
    let sessions: Vec<String> = db
        .prepare(
            "SELECT DISTINCT session FROM uploads
             WHERE length(session) = 32 AND session NOT GLOB '*[^0-9a-f]*'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for session in sessions {
        let hidden = digest::sha256(session.as_bytes());
        db.execute("UPDATE uploads SET session = ?2 WHERE session = ?1", [&session, &hidden])?;
        db.execute(
            "UPDATE deliveries SET lane = 'session ' || ?2 WHERE lane = 'session ' || ?1",
            [&session, &hidden],
        )?;
    }
    Ok(())
}

/// The refusal of a file that a newer version of this program wrote.
pub(super) fn too_new(file: &str, version: u32, newest: u32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA),
        Some(format!(
            "{file} is of version {version}, this program knows up to {newest}; run the newer \
             program, or set another SPOOL_FOLDER"
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_the_first_version_keeps_its_rows_and_gets_what_came_later() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(MIGRATIONS[0].1).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        db.execute_batch(
            "INSERT INTO uploads VALUES ('u', 'email', NULL, NULL, 's', '[]', '', '', NULL, 1, '', 1);
             INSERT INTO deliveries (id, upload, action, recipients, lane, state, due_at)
                VALUES ('d', 'u', 'store', '[]', 'sender s', 'queued', 5);",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let newest = MIGRATIONS.last().unwrap().0;
        let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, newest);
        let due: i64 = db
            .query_row(
                "SELECT due_at FROM deliveries INDEXED BY deliveries_due
                 WHERE state IN ('queued', 'collecting')",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(due, 5);
        migrate(&mut db).unwrap();
    }
}
