//! Sessions in a database of their own: after a power failure a camera may have
//! to log in again, which is no loss, so nothing waits for the disk here.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};

use super::schema;
use crate::digest;
use crate::file_name;
use crate::spool::sessions::{ANNOUNCED, IDLE, IN_ALL, IN_USE, PER_USER};
use crate::spool::{Announcement, Sessions, SpoolError};

/// The tables of version 2. Of a key there is a digest: whoever reads a key can
/// send in the name of its user.
const TABLES: &str = "
CREATE TABLE session (
    key TEXT PRIMARY KEY, -- SHA-256 of it
    user TEXT NOT NULL,
    service TEXT NOT NULL,
    used INTEGER NOT NULL -- seconds since 1970
) STRICT;
CREATE TABLE announcement (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session ON DELETE CASCADE ON UPDATE CASCADE,
    resource TEXT NOT NULL,
    service TEXT NOT NULL,
    file_name TEXT NOT NULL,
    camera TEXT,
    content TEXT NOT NULL,
    UNIQUE (session, resource)
) STRICT;";

/// The version of the tables above. Those without one are of version 1, which
/// had the keys themselves, and no service.
const VERSION: u32 = 2;

/// The sessions of all cameras, in a file.
pub(super) struct LocalSessions {
    database: Arc<Mutex<Connection>>,
}

impl LocalSessions {
    /// Opens `file`, creating it if it is missing. A damaged one is replaced:
    /// all that is lost is that cameras have to log in again.
    ///
    /// # Errors
    /// The disk's, or a newer program wrote the file.
    pub(super) fn open(file: &Path) -> Result<Self, SpoolError> {
        let database = match connect(file) {
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
                ) =>
            {
                tracing::warn!("{}: {error}; cameras have to log in again", file.display());
                std::fs::remove_file(file)?;
                connect(file)
            }
            result => result,
        };
        let failed = |error| SpoolError::Ledger(format!("{}: {error}", file.display()));
        Ok(Self { database: Arc::new(Mutex::new(database.map_err(failed)?)) })
    }

    /// Runs `work` in a transaction on a blocking thread, with the time in
    /// seconds since 1970.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let database = self.database.clone();
        let done = tokio::task::spawn_blocking(move || -> rusqlite::Result<T> {
            let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = database.transaction()?;
            let result = work(&transaction, now())?;
            transaction.commit()?;
            Ok(result)
        });
        Ok(done.await.map_err(io::Error::other)??)
    }
}

#[async_trait]
impl Sessions for LocalSessions {
    async fn begin(&self, user: &str, service: &str) -> Result<String, SpoolError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let key = digest::hex(&random);
        let (kept, user, service) = (kept(&key), user.to_owned(), service.to_owned());
        self.run(move |transaction, now| begin(transaction, &kept, &user, &service, now)).await?;
        Ok(key)
    }

    async fn user(&self, key: &str) -> Result<Option<String>, SpoolError> {
        let key = kept(key);
        self.run(move |transaction, now| touch(transaction, &key, now)).await
    }

    async fn end(&self, key: &str) -> Result<(), SpoolError> {
        let key = kept(key);
        self.run(move |transaction, _| {
            transaction.execute("DELETE FROM session WHERE key = ?1", [key]).map(drop)
        })
        .await
    }

    async fn announce(
        &self,
        key: &str,
        resource: &str,
        announcement: Announcement,
    ) -> Result<String, SpoolError> {
        let (key, resource) = (kept(key), resource.to_owned());
        self.run(move |transaction, _| announce(transaction, &key, &resource, &announcement)).await
    }

    async fn announcement(
        &self,
        key: &str,
        resource: &str,
    ) -> Result<Option<Announcement>, SpoolError> {
        let (key, resource) = (kept(key), resource.to_owned());
        self.run(move |transaction, _| {
            transaction
                .query_row(
                    "SELECT service, file_name, camera, content FROM announcement
                     WHERE session = ?1 AND resource = ?2",
                    [key, resource],
                    announced,
                )
                .optional()
        })
        .await
    }

    async fn latest(&self, key: &str) -> Result<Option<Announcement>, SpoolError> {
        let key = kept(key);
        self.run(move |transaction, _| latest(transaction, &key)).await
    }
}

/// What is kept of a session's key.
fn kept(key: &str) -> String {
    digest::sha256(key.as_bytes())
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let created = File::options().append(true).create(true).mode(0o600).open(file);
    created.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut database = Connection::open(file)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.pragma_update(None, "foreign_keys", true)?;
    // A key must be gone where a digest has taken its place.
    database.pragma_update(None, "secure_delete", true)?;
    migrate(&mut database)?;
    Ok(database)
}

fn migrate(database: &mut Connection) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(schema::too_new("sessions.sqlite", version, VERSION));
    }
    if version == VERSION {
        return Ok(());
    }
    let old: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'session')",
        [],
        |row| row.get(0),
    )?;
    if old {
        transaction.execute_batch(
            "ALTER TABLE announcement RENAME TO old_announcement;
             ALTER TABLE session RENAME TO old_session;",
        )?;
    }
    transaction.execute_batch(TABLES)?;
    if old {
        transaction.execute_batch(
            "INSERT INTO session SELECT key, user, '', used FROM old_session;
             INSERT INTO announcement SELECT number, session, resource, service, file_name, camera,
                content FROM old_announcement;
             DROP TABLE old_announcement;
             DROP TABLE old_session;",
        )?;
        let keys: Vec<String> = transaction
            .prepare("SELECT key FROM session")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for key in keys {
            transaction
                .execute("UPDATE session SET key = ?2 WHERE key = ?1", [&key, &kept(&key)])?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn begin(
    transaction: &Transaction<'_>,
    key: &str,
    user: &str,
    service: &str,
    now: i64,
) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM session WHERE used < ?1", [now - seconds(IDLE)])?;
    transaction
        .execute("INSERT INTO session VALUES (?1, ?2, ?3, ?4)", params![key, user, service, now])?;
    // Whoever is at it keeps its place, however many log in: a session that is
    // in use goes only when all of them are, and then the oldest.
    for (whose, most) in [("user = ?1", PER_USER), ("?1 = ?1", IN_ALL)] {
        transaction.execute(
            &format!(
                "DELETE FROM session WHERE used < ?2 AND rowid IN (
                     SELECT rowid FROM session WHERE {whose}
                     ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?3)"
            ),
            params![user, now - seconds(IN_USE), most as i64],
        )?;
    }
    // The last resort against a flood of logins.
    transaction.execute(
        "DELETE FROM session WHERE rowid IN (
             SELECT rowid FROM session ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?1)",
        [IN_ALL as i64],
    )?;
    Ok(())
}

fn touch(transaction: &Transaction<'_>, key: &str, now: i64) -> rusqlite::Result<Option<String>> {
    transaction
        .query_row(
            "UPDATE session SET used = max(used, ?2) WHERE key = ?1 AND used >= ?3 RETURNING user",
            params![key, now, now - seconds(IDLE)],
            |row| row.get(0),
        )
        .optional()
}

fn announce(
    transaction: &Transaction<'_>,
    key: &str,
    wanted: &str,
    announcement: &Announcement,
) -> rusqlite::Result<String> {
    let Announcement { service, file_name, camera, content } = announcement;
    let mut resource = wanted.to_owned();
    for number in 2..=ANNOUNCED + 1 {
        let other: Option<String> = transaction
            .query_row(
                "SELECT file_name FROM announcement WHERE session = ?1 AND resource = ?2",
                [key, &resource],
                |row| row.get(0),
            )
            .optional()?;
        if other.is_none_or(|other| other == *file_name) {
            break;
        }
        resource = file_name::numbered(wanted, number);
    }
    transaction.execute(
        "INSERT OR REPLACE INTO announcement
             (session, resource, service, file_name, camera, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![key, resource, service, file_name, camera, content],
    )?;
    transaction.execute(
        "DELETE FROM announcement WHERE number IN (
             SELECT number FROM announcement WHERE session = ?1
             ORDER BY number DESC LIMIT -1 OFFSET ?2)",
        params![key, ANNOUNCED as i64],
    )?;
    Ok(resource)
}

fn latest(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<Announcement>> {
    let announcement = transaction
        .query_row(
            "SELECT service, file_name, camera, content FROM announcement
             WHERE session = ?1 ORDER BY number DESC LIMIT 1",
            [key],
            announced,
        )
        .optional()?;
    if announcement.is_some() {
        return Ok(announcement);
    }
    transaction
        .query_row(
            "SELECT service, '', NULL, '' FROM session WHERE key = ?1 AND service <> ''",
            [key],
            announced,
        )
        .optional()
}

fn announced(row: &Row<'_>) -> rusqlite::Result<Announcement> {
    Ok(Announcement {
        service: row.get(0)?,
        file_name: row.get(1)?,
        camera: row.get(2)?,
        content: row.get(3)?,
    })
}

fn seconds(time: Duration) -> i64 {
    time.as_secs().cast_signed()
}

fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, seconds)
}

#[cfg(test)]
mod tests;
