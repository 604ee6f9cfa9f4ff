//! Uploads in the ledger.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::backup_repeats;
use super::manifest::{Destination, Manifest};
use super::seal;
use super::times::{duration_millis, millis, time};
use crate::digest;
use crate::spool::{Accepted, Planned, Post, Repeats, State, Wait};
use crate::upload::{File, Origin, Upload};

impl Wait {
    /// The state that this is, and the milliseconds.
    fn state(self) -> (State, i64) {
        match self {
            Self::File(time) => (State::Collecting, duration_millis(time)),
            Self::Attempt(time) => (State::Queued, duration_millis(time)),
        }
    }
}

pub(super) fn insert(
    db: &Connection,
    upload: &Upload,
    planned: &[Planned],
    repeats: Repeats,
) -> rusqlite::Result<Accepted> {
    let content = content(upload, planned);
    if is_repeat_of(db, upload, &content, repeats)? {
        return Ok(Accepted::Repeat);
    }
    let (origin, service, session) = match &upload.origin {
        Origin::Email => ("email", None, None),
        Origin::Social { service, session } => ("social", Some(service), Some(session)),
    };
    db.prepare_cached(
        "INSERT INTO uploads (id, origin, service, session, sender, recipients, subject, body,
            camera, received_at, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        upload.id,
        origin,
        service,
        session,
        upload.sender,
        json(&upload.recipients),
        upload.subject,
        upload.body,
        upload.camera,
        millis(upload.received_at),
        content,
    ])?;
    if !upload.attributes.is_empty() {
        let pairs = serde_json::json!(upload.attributes).to_string();
        db.prepare_cached("INSERT INTO attributes (upload, pairs) VALUES (?1, ?2)")?
            .execute([&upload.id, &pairs])?;
    }
    insert_files(db, &upload.id, 0, &upload.files)?;
    let lane = lane(upload);
    for Planned { id, action, recipients, folders, wait } in planned {
        let (state, wait) = wait.state();
        db.prepare_cached(
            "INSERT INTO deliveries
                (id, upload, action, recipients, lane, state, wait, due_at, folders)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + ?7, ?9)",
        )?
        .execute(params![
            id,
            upload.id,
            action.to_string(),
            json(recipients),
            lane,
            state,
            wait,
            millis(SystemTime::now()),
            folders,
        ])?;
    }
    if let Repeats::Content(_) = repeats {
        backup_repeats::note(db, upload)?;
    }
    seal::seal(db, &upload.id)?;
    Ok(Accepted::New)
}

/// Whether `upload`, whose digest is `content`, came already.
fn is_repeat_of(
    db: &Connection,
    upload: &Upload,
    content: &str,
    repeats: Repeats,
) -> rusqlite::Result<bool> {
    let window = match repeats {
        Repeats::Content(window) => return backup_repeats::is_known(db, upload, window),
        Repeats::Upload(window) => window,
    };
    let since = millis(upload.received_at) - duration_millis(window);
    let repeat: bool = db
        .prepare_cached(
            "SELECT EXISTS (
                SELECT 1 FROM uploads u WHERE content = ?1 AND received_at > ?2
                AND NOT EXISTS (SELECT 1 FROM deliveries
                    WHERE upload = u.id AND state IN ('rejected', 'parked')))",
        )?
        .query_row(params![content, since], |row| row.get(0))?;
    Ok(repeat && !window.is_zero())
}

/// Ends the collecting of posts of this session and service with another text:
/// a new text begins a new post (`protocol.md` 7, rule 2).
pub(super) fn close_others(
    db: &Connection,
    service: &str,
    session: &str,
    body: &str,
) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE deliveries SET state = 'queued', wait = 0, due_at = ?4
         WHERE state = 'collecting' AND upload IN (SELECT id FROM uploads
            WHERE session = ?1 AND service = ?2 AND body <> ?3)",
        params![session, service, body, millis(SystemTime::now())],
    )?;
    Ok(())
}

/// Adds files to a post that still collects; whether it does.
pub(super) fn extend(
    db: &Connection,
    upload: &str,
    delivery: &str,
    from: usize,
    files: &[File],
    wait: Wait,
) -> rusqlite::Result<bool> {
    let (state, wait) = wait.state();
    let open = db.execute(
        "UPDATE deliveries SET state = ?2, wait = ?3, due_at = ?4 + ?3
         WHERE id = ?1 AND state = 'collecting'",
        params![delivery, state, wait, millis(SystemTime::now())],
    )? == 1;
    if open {
        insert_files(db, upload, from, files)?;
        seal::seal(db, upload)?;
    }
    Ok(open)
}

fn insert_files(
    db: &Connection,
    upload: &str,
    from: usize,
    files: &[File],
) -> rusqlite::Result<()> {
    for (position, file) in (i64::try_from(from).unwrap_or(0)..).zip(files) {
        db.prepare_cached(
            "INSERT INTO files (upload, position, name, content_type, size, sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            upload,
            position,
            file.name,
            file.content_type,
            file.size.cast_signed(),
            file.sha256
        ])?;
    }
    Ok(())
}

/// Within one lane and action, deliveries keep the order of arrival.
fn lane(upload: &Upload) -> String {
    match &upload.origin {
        Origin::Email => format!("sender {}", upload.sender.to_lowercase()),
        Origin::Social { session, .. } => format!("session {session}"),
    }
}

/// A digest of everything that makes an upload the same as another one.
fn content(upload: &Upload, planned: &[Planned]) -> String {
    let Upload { origin, sender, recipients, subject, body, files, .. } = upload;
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    if let Origin::Social { service, session } = origin {
        part(service);
        part(session);
    }
    for text in [sender, subject, body].into_iter().chain(recipients) {
        part(text);
    }
    for file in files {
        part(&file.name);
        part(&file.sha256);
    }
    // A changed configuration is a reason to send again.
    for planned in planned {
        part(&planned.action.to_string());
    }
    digest::hex(&hash.finalize())
}

/// The upload of this id, none if it is gone.
pub(super) fn load(db: &Connection, id: &str) -> rusqlite::Result<Option<Upload>> {
    let upload = db
        .prepare_cached(
            "SELECT id, service, session, sender, recipients, subject, body, camera, received_at,
                pairs FROM uploads LEFT JOIN attributes ON upload = id WHERE id = ?1",
        )?
        .query_row([id], upload)
        .optional()?;
    let Some(mut upload) = upload else { return Ok(None) };
    upload.files = files(db, id)?;
    Ok(Some(upload))
}

/// What the manifest of the upload `id` says, none if it is gone.
pub(super) fn manifest(db: &Connection, id: &str) -> rusqlite::Result<Option<Manifest>> {
    let Some(upload) = load(db, id)? else { return Ok(None) };
    let mut manifest = Manifest { upload, destinations: Vec::new(), delivered: HashSet::new() };
    let mut statement = db.prepare_cached(
        "SELECT id, action, recipients, state, folders FROM deliveries
         WHERE upload = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (id, recipients): (String, String) = (row.get(0)?, row.get(2)?);
        if row.get::<_, State>(3)? == State::Delivered {
            manifest.delivered.insert(id.clone());
        }
        let recipients = texts(&recipients);
        let (action, folders) = (row.get(1)?, row.get(4)?);
        manifest.destinations.push(Destination { id, action, recipients, folders });
    }
    Ok(Some(manifest))
}

pub(super) fn files(db: &Connection, upload: &str) -> rusqlite::Result<Vec<File>> {
    db.prepare_cached(
        "SELECT name, content_type, size, sha256 FROM files WHERE upload = ?1 ORDER BY position",
    )?
    .query_map([upload], |row| {
        Ok(File {
            name: row.get(0)?,
            content_type: row.get(1)?,
            size: row.get::<_, i64>(2)?.cast_unsigned(),
            sha256: row.get(3)?,
        })
    })?
    .collect()
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let service: Option<String> = row.get(1)?;
    let session: Option<String> = row.get(2)?;
    Ok(Upload {
        id: row.get(0)?,
        origin: match (service, session) {
            (Some(service), Some(session)) => Origin::Social { service, session },
            _ => Origin::Email,
        },
        sender: row.get(3)?,
        recipients: texts(&row.get::<_, String>(4)?),
        subject: row.get(5)?,
        body: row.get(6)?,
        camera: row.get(7)?,
        received_at: time(row.get(8)?),
        files: Vec::new(),
        attributes: row
            .get::<_, Option<String>>(9)?
            .and_then(|pairs| serde_json::from_str(&pairs).ok())
            .unwrap_or_default(),
    })
}

/// The post of this session and service that still collects, if any.
pub(super) fn collecting(
    db: &Connection,
    service: &str,
    session: &str,
) -> rusqlite::Result<Option<Post>> {
    let found: Option<(String, String)> = db
        .query_row(
            "SELECT u.id, d.id FROM uploads u JOIN deliveries d ON d.upload = u.id
             WHERE u.session = ?1 AND u.service = ?2 AND d.state = 'collecting'
             ORDER BY d.number DESC LIMIT 1",
            [session, service],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((id, delivery)) = found else { return Ok(None) };
    Ok(load(db, &id)?.map(|upload| Post { upload, delivery }))
}

/// Whether every file of `upload` came lately in its session with its text.
pub(super) fn is_repeat(
    db: &Connection,
    upload: &Upload,
    window: Duration,
) -> rusqlite::Result<bool> {
    for file in &upload.files {
        if !has_file(db, upload, &file.sha256, window)? {
            return Ok(false);
        }
    }
    Ok(!upload.files.is_empty())
}

/// Whether a file with these bytes came lately in this session with this text.
fn has_file(
    db: &Connection,
    upload: &Upload,
    sha256: &str,
    window: Duration,
) -> rusqlite::Result<bool> {
    let Origin::Social { service, session } = &upload.origin else { return Ok(false) };
    let since = millis(upload.received_at) - duration_millis(window);
    let known: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM uploads u JOIN files f ON f.upload = u.id
            WHERE u.session = ?1 AND u.service = ?2 AND u.body = ?3 AND f.sha256 = ?4
            AND u.received_at > ?5 AND NOT EXISTS (SELECT 1 FROM deliveries
                WHERE upload = u.id AND state IN ('rejected', 'parked')))",
        params![session, service, upload.body, sha256, since],
        |row| row.get(0),
    )?;
    Ok(known && !window.is_zero())
}

pub(super) fn json(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

pub(super) fn texts(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
