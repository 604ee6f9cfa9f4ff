//! What the ledger's rows must say for anything to be removed on their word.
//!
//! SQLite's pages have no checksums: a flipped bit in a row is read like any
//! other value. So each upload has a *seal*, a digest of what makes it up (its
//! own row, its files, which deliveries it has), and each delivered delivery
//! one of its receipt. They are made with the rows and compared before files
//! are removed and before anything is delivered. What may change in between
//! (attempts, waits, texts of failures) decides about nothing but time.

use std::time::SystemTime;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::times::millis;
use crate::digest;

/// Seals `upload` as it stands.
pub(super) fn seal(db: &Connection, upload: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO seals (upload, seal) VALUES (?1, ?2)")?
        .execute(params![upload, of_upload(db, upload)?])
        .map(drop)
}

/// Seals every upload that has no seal, as one that was put into the ledger by
/// hand. Answers whether it could be: a seal without its upload says that keys
/// are damaged, and then what has no seal is not trusted.
pub(super) fn seal_all(db: &Connection) -> rusqlite::Result<bool> {
    let orphans: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM seals WHERE upload NOT IN (SELECT id FROM uploads))",
        [],
        |row| row.get(0),
    )?;
    if orphans {
        return Ok(false);
    }
    let unsealed: Vec<String> = db
        .prepare("SELECT id FROM uploads WHERE id NOT IN (SELECT upload FROM seals)")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for upload in unsealed {
        seal(db, &upload)?;
        let numbers: Vec<i64> = db
            .prepare_cached(
                "SELECT number FROM deliveries WHERE upload = ?1 AND state = 'delivered'",
            )?
            .query_map([&upload], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        numbers.into_iter().try_for_each(|number| seal_receipt(db, number))?;
    }
    Ok(true)
}

/// Whether the rows of `upload` are what they were when it was sealed.
pub(super) fn is_intact(db: &Connection, upload: &str) -> rusqlite::Result<bool> {
    let seal: Option<String> = db
        .prepare_cached("SELECT seal FROM seals WHERE upload = ?1")?
        .query_row([upload], |row| text(row, 0))
        .optional()?;
    Ok(seal.is_some() && seal == Some(of_upload(db, upload)?))
}

/// Seals the receipt of the delivery `number`, which is delivered.
pub(super) fn seal_receipt(db: &Connection, number: i64) -> rusqlite::Result<()> {
    let receipt = db
        .prepare_cached(&format!("SELECT {RECEIPT} FROM deliveries WHERE number = ?1"))?
        .query_row([number], receipt_of)?;
    db.prepare_cached("UPDATE deliveries SET receipt = ?2 WHERE number = ?1")?
        .execute(params![number, receipt])
        .map(drop)
}

/// Whether all deliveries of `upload` are delivered for certain, the last one
/// before `before`, so that its files are needed no more.
pub(super) fn is_finished(
    db: &Connection,
    upload: &str,
    before: SystemTime,
) -> rusqlite::Result<bool> {
    if !is_intact(db, upload)? {
        return Ok(false);
    }
    let before = millis(before);
    let mut statement =
        db.prepare_cached(&format!("SELECT {RECEIPT}, receipt FROM deliveries WHERE upload = ?1"))?;
    let mut rows = statement.query([upload])?;
    while let Some(row) = rows.next()? {
        let is_delivered = row.get_ref(2)? == ValueRef::Text(b"delivered");
        let ended = matches!(row.get_ref(5)?, ValueRef::Integer(ended) if ended <= before);
        let is_sealed = text(row, 6)? == receipt_of(row)?;
        if !(is_delivered && ended && is_sealed) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Deliveries of `upload` that are delivered by the word of a receipt that is
/// not what was written: their numbers and ids.
pub(super) fn doubtful(db: &Connection, upload: &str) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {RECEIPT}, receipt, number FROM deliveries
         WHERE upload = ?1 AND state = 'delivered'"
    ))?;
    let mut rows = statement.query([upload])?;
    let mut doubtful = Vec::new();
    while let Some(row) = rows.next()? {
        if text(row, 6)? != receipt_of(row)? {
            doubtful.push((row.get(7)?, text(row, 0)?));
        }
    }
    Ok(doubtful)
}

/// What a receipt is made of.
const RECEIPT: &str = "id, upload, state, summary, links, ended_at";

fn receipt_of(row: &Row<'_>) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    for column in 0..6 {
        add(&mut hash, row.get_ref(column)?);
    }
    Ok(digest::hex(&hash.finalize()))
}

fn of_upload(db: &Connection, upload: &str) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    for (query, columns) in [
        (
            "SELECT id, origin, service, session, sender, recipients, subject, body, camera,
                received_at, content FROM uploads WHERE id = ?1",
            11,
        ),
        ("SELECT pairs FROM attributes WHERE upload = ?1", 1),
        (
            "SELECT position, name, content_type, size, sha256 FROM files
             WHERE upload = ?1 ORDER BY position",
            5,
        ),
        (
            "SELECT number, id, action, recipients, lane, folders FROM deliveries
             WHERE upload = ?1 ORDER BY number",
            6,
        ),
    ] {
        let mut statement = db.prepare_cached(query)?;
        let mut rows = statement.query([upload])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                add(&mut hash, row.get_ref(column)?);
            }
        }
        // Where one table ends, so that no row can change places.
        hash.update([0xff]);
    }
    Ok(digest::hex(&hash.finalize()))
}

fn add(hash: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match &value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => (1, &number.to_be_bytes()),
        ValueRef::Real(number) => (2, &number.to_be_bytes()),
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// A text, though it may be damaged.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    })
}
