//! What cameras that logged in are remembered by, across restarts: who, since
//! when, and the files they have announced (`protocol.md` 7).

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};

use crate::digest;
use crate::file_name;

/// A session ends after this long without a request.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions of one user, and of all. The one that was idle longest makes room;
/// its camera would have to log in again.
const PER_USER: usize = 32;
const IN_ALL: usize = 4096;

/// Announced files remembered of one session.
const ANNOUNCED: usize = 128;

/// The sessions of all cameras. Clones share them.
#[derive(Clone)]
pub struct Sessions {
    database: Arc<Mutex<Connection>>,
}

/// A file that a camera has announced and will send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Service chosen on the camera.
    pub service: String,
    /// Safe name of the file.
    pub file_name: String,
    /// Camera model, when the camera says it.
    pub camera: Option<String>,
    /// Text of the post.
    pub content: String,
}

impl Sessions {
    /// Opens `file`, creating it if it is missing. A damaged one is replaced:
    /// all that is lost is that cameras have to log in again.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(file: &Path) -> io::Result<Self> {
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
        Ok(Self { database: Arc::new(Mutex::new(database.map_err(io::Error::other)?)) })
    }

    /// Begins a session of `user`; its key, 128 random bits as 32 lower-case
    /// hexadecimal digits.
    ///
    /// # Errors
    /// The disk's.
    pub async fn begin(&self, user: &str) -> io::Result<String> {
        let user = user.to_owned();
        self.run(move |transaction, now| begin(transaction, &user, now)).await
    }

    /// The user of the session, if there is one; it is not idle then.
    ///
    /// # Errors
    /// The disk's.
    pub async fn user(&self, key: &str) -> io::Result<Option<String>> {
        let key = key.to_owned();
        self.run(move |transaction, now| touch(transaction, &key, now)).await
    }

    /// Ends a session. One that does not exist has ended already.
    ///
    /// # Errors
    /// The disk's.
    pub async fn end(&self, key: &str) -> io::Result<()> {
        let key = key.to_owned();
        self.run(move |transaction, _| {
            transaction.execute("DELETE FROM session WHERE key = ?1", [key]).map(drop)
        })
        .await
    }

    /// Remembers that `announcement` will come under `resource`, a name that
    /// an address can hold. Another file of the session under this name makes
    /// it a name with a number; the one to use is answered.
    ///
    /// # Errors
    /// The disk's.
    pub async fn announce(
        &self,
        key: &str,
        resource: &str,
        announcement: Announcement,
    ) -> io::Result<String> {
        let (key, resource) = (key.to_owned(), resource.to_owned());
        self.run(move |transaction, _| announce(transaction, &key, &resource, &announcement)).await
    }

    /// What was announced under `resource` in this session. Stays announced:
    /// the camera may send it again.
    ///
    /// # Errors
    /// The disk's.
    pub async fn announcement(
        &self,
        key: &str,
        resource: &str,
    ) -> io::Result<Option<Announcement>> {
        let (key, resource) = (key.to_owned(), resource.to_owned());
        self.run(move |transaction, _| {
            transaction
                .query_row(
                    "SELECT service, file_name, camera, content FROM announcement
                     WHERE session = ?1 AND resource = ?2",
                    [key, resource],
                    |row| {
                        Ok(Announcement {
                            service: row.get(0)?,
                            file_name: row.get(1)?,
                            camera: row.get(2)?,
                            content: row.get(3)?,
                        })
                    },
                )
                .optional()
        })
        .await
    }

    /// Runs `work` in a transaction on a blocking thread, with the time in
    /// seconds since 1970.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || {
            let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = database.transaction().map_err(io::Error::other)?;
            let result = work(&transaction, now()).map_err(io::Error::other)?;
            transaction.commit().map_err(io::Error::other)?;
            Ok(result)
        })
        .await?
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    // Whoever reads a key can send in the name of its user.
    let created = File::options().append(true).create(true).mode(0o600).open(file);
    created.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let database = Connection::open(file)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    // After a power failure a camera may have to log in again; that is no loss.
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.pragma_update(None, "foreign_keys", true)?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS session (
             key TEXT PRIMARY KEY,
             user TEXT NOT NULL,
             used INTEGER NOT NULL
         ) STRICT;
         CREATE TABLE IF NOT EXISTS announcement (
             number INTEGER PRIMARY KEY,
             session TEXT NOT NULL REFERENCES session ON DELETE CASCADE,
             resource TEXT NOT NULL,
             service TEXT NOT NULL,
             file_name TEXT NOT NULL,
             camera TEXT,
             content TEXT NOT NULL,
             UNIQUE (session, resource)
         ) STRICT;",
    )?;
    Ok(database)
}

fn begin(transaction: &Transaction<'_>, user: &str, now: i64) -> rusqlite::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let key = digest::hex(&random);
    transaction.execute("DELETE FROM session WHERE used < ?1", [now - idle()])?;
    transaction.execute("INSERT INTO session VALUES (?1, ?2, ?3)", params![key, user, now])?;
    transaction.execute(
        "DELETE FROM session WHERE rowid IN (
             SELECT rowid FROM session WHERE user = ?1
             ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?2)",
        params![user, PER_USER as i64],
    )?;
    transaction.execute(
        "DELETE FROM session WHERE rowid IN (
             SELECT rowid FROM session ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?1)",
        [IN_ALL as i64],
    )?;
    Ok(key)
}

fn touch(transaction: &Transaction<'_>, key: &str, now: i64) -> rusqlite::Result<Option<String>> {
    transaction
        .query_row(
            "UPDATE session SET used = max(used, ?2) WHERE key = ?1 AND used >= ?3 RETURNING user",
            params![key, now, now - idle()],
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

fn idle() -> i64 {
    IDLE.as_secs() as i64
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(folder: &tempfile::TempDir) -> Connection {
        connect(&folder.path().join("sessions.sqlite")).unwrap()
    }

    fn with<T>(
        database: &mut Connection,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> T {
        let transaction = database.transaction().unwrap();
        let result = work(&transaction).unwrap();
        transaction.commit().unwrap();
        result
    }

    #[test]
    fn a_session_ends_after_twelve_idle_hours_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = sessions(&folder);
        let start = 1_700_000_000;
        let key = with(&mut database, |t| begin(t, "a@example.org", start));
        assert!(key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
        let used = start + idle();
        let user = with(&mut database, |t| touch(t, &key, used));
        assert_eq!(user.as_deref(), Some("a@example.org"));
        assert!(with(&mut database, |t| touch(t, &key, used + idle())).is_some());
        assert!(with(&mut database, |t| touch(t, &key, used + 2 * idle() + 1)).is_none());
    }

    #[test]
    fn one_user_cannot_hold_more_than_a_few_sessions_nor_push_out_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = sessions(&folder);
        let other = with(&mut database, |t| begin(t, "b@example.org", 0));
        let keys: Vec<String> = (0..PER_USER as i64 + 3)
            .map(|now| with(&mut database, |t| begin(t, "a@example.org", now)))
            .collect();
        let alive = |database: &mut Connection, key: &str| {
            with(database, |t| touch(t, key, 1000)).is_some()
        };
        assert!(alive(&mut database, &other));
        let living = keys.iter().filter(|key| alive(&mut database, key)).count();
        assert_eq!(living, PER_USER);
        assert!(!alive(&mut database, &keys[2]) && alive(&mut database, &keys[3]));
    }

    #[test]
    fn other_files_under_the_name_of_one_get_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = sessions(&folder);
        let key = with(&mut database, |t| begin(t, "a@example.org", 0));
        let file = |name: &str| Announcement {
            service: "facebook".to_owned(),
            file_name: name.to_owned(),
            camera: None,
            content: String::new(),
        };
        for (name, resource) in
            [("ä.JPG", "_.JPG"), ("ö.JPG", "_-2.JPG"), ("ä.JPG", "_.JPG"), ("ü.JPG", "_-3.JPG")]
        {
            let given = with(&mut database, |t| announce(t, &key, "_.JPG", &file(name)));
            assert_eq!(given, resource, "{name}");
        }
    }

    #[tokio::test]
    async fn what_is_no_database_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.sqlite");
        std::fs::write(&file, "no database".repeat(1000)).unwrap();
        let sessions = Sessions::open(&file).unwrap();
        let key = sessions.begin("a@example.org").await.unwrap();
        assert_eq!(sessions.user(&key).await.unwrap().as_deref(), Some("a@example.org"));
        sessions.end(&key).await.unwrap();
        assert_eq!(sessions.user(&key).await.unwrap(), None);
    }
}
