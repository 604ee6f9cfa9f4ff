//! `queue adopt`: what lies in `lost+found/` goes back into the queue, by what
//! its manifest says and with the delivery ids that it had, so that an action
//! which has seen it before recognises it. Never what a receipt shows as
//! delivered, be it in the ledger, in a manifest, or in a ledger that was set
//! aside.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use super::database::{LedgerError, connect, open_sound};
use super::lost::{self, LostAndFound};
use super::manifest::{Destination, Manifest, Manifests};
use super::{LEDGER, LOST, MANIFESTS, NOTES, UPLOADS, damage, private, recovery, seal, uploads};
use crate::action_name::ActionName;
use crate::digest;
use crate::spool::{Adopted, Planned, QueueError, Repeats, SpoolError, Wait};
use crate::upload::{self, Upload};

/// How the names of ledgers begin that were set aside.
const OLD_LEDGER: &str = "ledger";

/// Puts back what is called `names`, or everything.
///
/// # Errors
/// The disk's, the ledger's, or there is nothing of one of these names.
pub fn adopt(root: &Path, names: &[String]) -> Result<Vec<Adopted>, QueueError> {
    if !root.exists() {
        return Err(QueueError::NoLedger(root.to_owned()));
    }
    let lock = super::lock(root)?;
    let mut db = match &lock {
        Some(_) => open_or_make(root)?,
        None => connect(&root.join(LEDGER))?,
    };
    let receipts = receipts(&db, root)?;
    let mut adopted = Vec::new();
    let mut found = HashSet::new();
    for place in LostAndFound::of(root).entries()? {
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_upload = name != NOTES && !name.starts_with(OLD_LEDGER) && place.is_dir();
        if is_upload && (names.is_empty() || names.contains(&name)) {
            adopted.push(take(&mut db, root, &place, &receipts)?);
            found.insert(name);
        }
    }
    if let Some(missing) = names.iter().find(|name| !found.contains(*name)) {
        return Err(QueueError::NotLost { name: missing.clone(), place: root.join(LOST) });
    }
    if names.is_empty() {
        for upload in damaged(&db)? {
            adopted.push(renew(&mut db, root, &upload)?);
        }
    }
    Ok(adopted)
}

/// The ledger, or a new one where it cannot be used; what it does not know is
/// set aside. No server runs.
fn open_or_make(root: &Path) -> Result<Connection, QueueError> {
    let lost = LostAndFound::of(root);
    private(root, &[UPLOADS, NOTES])?;
    let mut db = match open_sound(root) {
        Err(LedgerError::Damaged(words)) => {
            tracing::warn!("{words}");
            let place = lost.place(OLD_LEDGER)?;
            fs::create_dir(&place)?;
            for file in damage::files(root) {
                let to = place.join(file.file_name().unwrap_or_default());
                super::gone_already(fs::rename(file, to))?;
            }
            connect(&root.join(LEDGER))?
        }
        Err(error) => return Err(SpoolError::from(error).into()),
        Ok(db) => db,
    };
    private(root, &[MANIFESTS, LOST])?;
    let names = recovery::names(&root.join(UPLOADS))?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sorted = recovery::sort(&transaction, names)?;
    transaction.commit()?;
    recovery::set_aside(root, &sorted.unknown);
    Ok(db)
}

/// Ids of what is delivered, by all ledgers that can still be read.
fn receipts(db: &Connection, root: &Path) -> Result<HashSet<String>, QueueError> {
    let mut receipts = HashSet::new();
    read_receipts(db, &mut receipts)?;
    for place in LostAndFound::of(root).entries()? {
        let ledger = place.join(LEDGER);
        if ledger.exists() {
            // As far as it can be read.
            let old = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY);
            let _ = old.and_then(|old| read_receipts(&old, &mut receipts));
        }
    }
    Ok(receipts)
}

fn read_receipts(db: &Connection, receipts: &mut HashSet<String>) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT id FROM deliveries WHERE state = 'delivered'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        receipts.insert(seal::text(row, 0)?);
    }
    Ok(())
}

/// Puts back what lies at `place`, as far as it is whole.
fn take(
    db: &mut Connection,
    root: &Path,
    place: &Path,
    receipts: &HashSet<String>,
) -> Result<Adopted, QueueError> {
    let mut adopted = Adopted {
        place: place.to_owned(),
        sender: None,
        files: Vec::new(),
        deliveries: Vec::new(),
        left: Vec::new(),
    };
    let Some(mut manifest) = manifest_of(place)? else {
        adopted.left.push("nothing tells whose it is; its files can be copied by hand".to_owned());
        return Ok(adopted);
    };
    adopted.sender = Some(manifest.upload.sender.clone());
    let db = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = uploads::load(&db, &manifest.upload.id)?;
    // Of an upload that the ledger knows, these are files that it has forgotten,
    // and its receipts are not theirs.
    if known.is_none() {
        let is_open =
            |to: &Destination| !receipts.contains(&to.id) && !manifest.delivered.contains(&to.id);
        manifest.destinations =
            manifest.destinations.iter().filter(|to| is_open(to)).cloned().collect();
        manifest.delivered.clear();
        if manifest.destinations.is_empty() {
            adopted.left.push("it is delivered".to_owned());
            return Ok(adopted);
        }
    }
    let all = manifest.upload.files.clone();
    manifest.upload.files.retain(|file| match look(place, file) {
        Ok(()) => true,
        // It is in the folder of the post that the others are of.
        Err(_) if known.as_ref().is_some_and(|known| known.files.contains(file)) => false,
        Err(words) => {
            adopted.left.push(words);
            false
        }
    });
    if manifest.upload.files.is_empty() && !all.is_empty() {
        return Ok(adopted);
    }
    if let Some(known) = known {
        if root.join(UPLOADS).join(&known.id).exists() {
            rename_all(&mut manifest);
        } else {
            // The ledger is a good copy again, and only the files were set aside.
            db.execute(
                "DELETE FROM deliveries WHERE upload = ?1 AND state <> 'delivered'",
                [&known.id],
            )?;
            manifest.destinations.retain(|to| !receipts.contains(&to.id));
            db.execute("DELETE FROM uploads WHERE id = ?1", [&known.id])?;
        }
    }
    move_back(root, place, &manifest, &all)?;
    adopted.deliveries = insert(&db, &manifest)?;
    adopted.files = manifest.upload.files.into_iter().map(|file| file.name).collect();
    db.commit()?;
    if adopted.left.is_empty() {
        let _ = fs::remove_dir_all(place);
    }
    Ok(adopted)
}

fn manifest_of(place: &Path) -> io::Result<Option<Manifest>> {
    match Manifest::read(&place.join(lost::MANIFEST))? {
        Some(manifest) => Ok(Some(manifest)),
        None => Manifest::read(&place.join(lost::UNSURE)),
    }
}

/// Whether `file` lies at `place` as the camera sent it.
fn look(place: &Path, file: &upload::File) -> Result<(), String> {
    match File::open(place.join(&file.name)).and_then(digest::sha256_of) {
        Ok(found) if found == file.sha256 => Ok(()),
        Ok(_) => Err(format!("{} is damaged: its SHA-256 is not what the camera sent", file.name)),
        Err(error) => Err(format!("{}: {error}", file.name)),
    }
}

/// Makes an upload of its own of files whose upload the ledger has.
fn rename_all(manifest: &mut Manifest) {
    manifest.upload.id = uuid::Uuid::now_v7().to_string();
    for to in &mut manifest.destinations {
        to.id = uuid::Uuid::now_v7().to_string();
    }
    manifest.delivered.clear();
}

/// Puts files, manifest and notes where the server looks for them, durably: a
/// crash before the ledger has them sets them aside again.
fn move_back(
    root: &Path,
    place: &Path,
    manifest: &Manifest,
    all: &[upload::File],
) -> io::Result<()> {
    let Upload { id, files, .. } = &manifest.upload;
    let folder = root.join(UPLOADS).join(id);
    fs::create_dir_all(&folder)?;
    for file in files {
        fs::rename(place.join(&file.name), folder.join(&file.name))?;
    }
    if files.is_empty() && all.is_empty() {
        fs::create_dir_all(&folder)?;
    }
    File::open(&folder)?.sync_all()?;
    File::open(root.join(UPLOADS))?.sync_all()?;
    let manifests = Manifests::of(root);
    manifests.restore(manifest)?;
    for to in &manifest.destinations {
        let name = format!("{}.notes", to.id);
        let notes = root.join(LOST).join(NOTES).join(&name);
        super::gone_already(fs::rename(notes, root.join(NOTES).join(name)))?;
    }
    manifests.sync()
}

/// Puts the upload into the ledger; the numbers of its deliveries.
fn insert(db: &Transaction<'_>, manifest: &Manifest) -> rusqlite::Result<Vec<i64>> {
    let plan = |to: &Destination| Planned {
        id: to.id.clone(),
        action: ActionName::parse(&to.action),
        recipients: to.recipients.clone(),
        folders: to.folders.clone(),
        wait: Wait::Attempt(Duration::ZERO),
    };
    let planned: Vec<Planned> = manifest.destinations.iter().map(plan).collect();
    uploads::insert(db, &manifest.upload, &planned, Repeats::Upload(Duration::ZERO))?;
    db.prepare("SELECT number FROM deliveries WHERE upload = ?1 ORDER BY number")?
        .query_map([&manifest.upload.id], |row| row.get(0))?
        .collect()
}

/// Uploads whose rows are not what was written.
fn damaged(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let uploads: Vec<String> = db
        .prepare("SELECT upload FROM seals UNION SELECT id FROM uploads")?
        .query_map([], |row| seal::text(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut damaged = Vec::new();
    for upload in uploads {
        if !seal::is_intact(db, &upload)? || !seal::doubtful(db, &upload)?.is_empty() {
            damaged.push(upload);
        }
    }
    Ok(damaged)
}

/// Makes the rows of `upload` anew of what its manifest says; its files are in
/// their place.
fn renew(db: &mut Connection, root: &Path, upload: &str) -> Result<Adopted, QueueError> {
    let place = root.join(UPLOADS).join(upload);
    let mut adopted = Adopted {
        place: place.clone(),
        sender: None,
        files: Vec::new(),
        deliveries: Vec::new(),
        left: Vec::new(),
    };
    let manifest = Manifest::read(&Manifests::of(root).path(upload))?;
    let Some(mut manifest) = manifest else {
        adopted
            .left
            .push("the ledger is damaged where it tells of it, and nothing else does".to_owned());
        return Ok(adopted);
    };
    adopted.sender = Some(manifest.upload.sender.clone());
    let delivered = manifest.delivered.clone();
    if seal::is_intact(db, upload)? {
        // Only receipts are in doubt; what a manifest says of them is believed.
        for (number, id) in seal::doubtful(db, upload)? {
            if delivered.contains(&id) {
                seal::seal_receipt(db, number)?;
            }
        }
    }
    manifest.destinations.retain(|to| !delivered.contains(&to.id));
    let missing = |file: &upload::File| look(&place, file).err();
    adopted.left = manifest.upload.files.iter().filter_map(missing).collect();
    manifest.upload.files.retain(|file| look(&place, file).is_ok());
    if manifest.destinations.is_empty() || manifest.upload.files.is_empty() {
        return Ok(adopted);
    }
    let db = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let under_way: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE upload = ?1 AND state = 'delivering')",
        [upload],
        |row| row.get(0),
    )?;
    if under_way {
        adopted.left.push("it is being delivered now".to_owned());
        return Ok(adopted);
    }
    for to in &manifest.destinations {
        db.execute("DELETE FROM deliveries WHERE id = ?1", [&to.id])?;
    }
    db.execute("DELETE FROM uploads WHERE id = ?1", [upload])?;
    db.execute("DELETE FROM seals WHERE upload = ?1", params![upload])?;
    adopted.deliveries = insert(&db, &manifest)?;
    db.commit()?;
    adopted.files = manifest.upload.files.into_iter().map(|file| file.name).collect();
    Ok(adopted)
}
