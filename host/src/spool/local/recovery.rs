//! What a start does with what an earlier run left. It removes what is proven to
//! be needed no more and what no camera was told is sent; everything else that
//! is in no ledger is set aside, see [`lost`](super::lost).

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use tokio::task::spawn_blocking;

use super::lost::LostAndFound;
use super::manifest::{Manifest, Manifests};
use super::{LOST, LocalSpool, NOTES, UPLOADS, deliveries, gone_already, seal, uploads};
use crate::spool::SpoolError;

/// Manifests that are made anew at once.
const BATCH: usize = 256;

/// Names in a line of the log.
const NAMED: usize = 5;

/// What the folders of the uploads are.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Uploads whose files are needed.
    kept: HashSet<String>,
    /// Folders that go.
    removed: Vec<String>,
    /// Folders that the ledger does not know.
    pub(super) unknown: Vec<String>,
    /// Uploads whose rows say, falsely, that their files are needed no more.
    restored: Vec<String>,
}

/// Sorts the folders `names` by what the ledger says of them, and mends rows
/// whose word is not believed.
pub(super) fn sort(db: &Connection, names: Vec<String>) -> rusqlite::Result<Sorted> {
    let set = |query: &str| -> rusqlite::Result<HashSet<String>> {
        db.prepare(query)?.query_map([], |row| seal::text(row, 0))?.collect()
    };
    let refused = set("SELECT upload FROM refused")?;
    let mut sorted =
        Sorted { kept: set("SELECT id FROM uploads WHERE has_files = 1")?, ..Sorted::default() };
    for name in names {
        if sorted.kept.contains(&name) {
            continue;
        }
        let is_known: bool = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM uploads WHERE id = ?1)")?
            .query_row([&name], |row| row.get(0))?;
        if refused.contains(&name) {
            sorted.removed.push(name);
        } else if !is_known {
            sorted.unknown.push(name);
        } else if seal::is_finished(db, &name, SystemTime::now())? {
            sorted.removed.push(name);
        } else {
            db.execute("UPDATE uploads SET has_files = 1 WHERE id = ?1", [&name])?;
            sorted.kept.insert(name.clone());
            sorted.restored.push(name);
        }
    }
    Ok(sorted)
}

impl LocalSpool {
    /// [`Spool::recover`](crate::spool::Spool::recover)
    pub(super) async fn take_up(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError> {
        let folder = self.root.join(UPLOADS);
        let names = spawn_blocking(move || names(&folder)).await.map_err(io::Error::other)??;
        let (missing, sorted, waiting, known, of_posts) = self
            .ledger
            .write(move |db| {
                if !seal::seal_all(db)? {
                    tracing::error!(
                        "keys of the ledger are damaged; nothing is removed on its word"
                    );
                }
                let sorted = sort(db, names)?;
                let missing = deliveries::recover(db, &actions, SystemTime::now())?;
                let set = |query: &str| -> rusqlite::Result<HashSet<String>> {
                    db.prepare(query)?.query_map([], |row| seal::text(row, 0))?.collect()
                };
                let waiting = set("SELECT id FROM deliveries WHERE state <> 'delivered'")?;
                let known = set("SELECT id FROM deliveries WHERE state = 'delivered'")?;
                let of_posts = set("SELECT upload || '/' || name FROM files
                    WHERE upload IN (SELECT id FROM uploads
                        WHERE session IS NOT NULL AND has_files = 1)")?;
                Ok((missing, sorted, waiting, known, of_posts))
            })
            .await?;
        let root = self.root.clone();
        let bare = spawn_blocking(move || -> io::Result<Vec<String>> {
            sweep_uploads(&root, &sorted)?;
            sweep_posts(&root, &of_posts)?;
            sweep_notes(&root, &waiting, &known)?;
            let bare = sweep_manifests(&root, &sorted.kept)?;
            LostAndFound::of(&root).expire(SystemTime::now())?;
            Ok(bare)
        });
        let bare = bare.await.map_err(io::Error::other)??;
        self.make_manifests(bare).await?;
        self.count_undelivered().await?;
        Ok(missing)
    }

    /// Makes the manifests of `uploads`, which have none: of those that an
    /// older program took, or that were put into the ledger by hand.
    async fn make_manifests(&self, uploads: Vec<String>) -> Result<(), SpoolError> {
        let manifests = Manifests::of(&self.root);
        let is_any = !uploads.is_empty();
        for batch in uploads.chunks(BATCH) {
            let batch = batch.to_vec();
            let work = move |db: &Connection| {
                let found = batch.iter().map(|upload| uploads::manifest(db, upload));
                found.filter_map(Result::transpose).collect::<rusqlite::Result<Vec<Manifest>>>()
            };
            let found = self.ledger.write_lazily(work).await?;
            let manifests = manifests.clone();
            let made = spawn_blocking(move || {
                found.iter().try_for_each(|manifest| manifests.restore(manifest))
            });
            made.await.map_err(io::Error::other)??;
        }
        if is_any {
            spawn_blocking(move || manifests.sync()).await.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

/// The names of what is in `folder`.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    fs::read_dir(folder)?.map(name).collect()
}

/// Removes and sets aside the folders that are not needed.
fn sweep_uploads(root: &Path, sorted: &Sorted) -> io::Result<()> {
    let folder = root.join(UPLOADS);
    let manifests = Manifests::of(root);
    for name in &sorted.removed {
        let removed = manifests
            .remove(name)
            .and_then(|()| gone_already(fs::remove_dir_all(folder.join(name))));
        tell(&folder.join(name), removed);
    }
    if !sorted.restored.is_empty() {
        tracing::error!(
            "the ledger says of {} that its files are needed no more, and its checksums do not \
             fit; they are kept",
            some(&sorted.restored)
        );
    }
    let (lost, left) = set_aside(root, &sorted.unknown);
    let place = root.join(LOST);
    if !lost.is_empty() {
        tracing::error!(
            "the ledger does not know {} uploads that cameras were told are sent: it must be \
             damaged or an old copy; they lie in {}: {}; put them back into the queue: \
             afterimage queue adopt",
            lost.len(),
            place.display(),
            some(&lost)
        );
    }
    if !left.is_empty() {
        tracing::warn!(
            "{} uploads that were cut short, as by a crash, lie in {} for 30 days; their cameras \
             heard no OK as far as is known: {}",
            left.len(),
            place.display(),
            some(&left)
        );
    }
    Ok(())
}

/// Sets the folders `names` of uploads aside: those that somebody vouches for,
/// and the others.
pub(super) fn set_aside(root: &Path, names: &[String]) -> (Vec<String>, Vec<String>) {
    let (manifests, lost) = (Manifests::of(root), LostAndFound::of(root));
    let (vouched, left): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| manifests.path(name).exists());
    let moved = |name: &String| {
        let path = root.join(UPLOADS).join(name);
        let moved = lost.set_aside(&path, name);
        if let Err(error) = &moved {
            // It takes room and does no other harm: no reason not to serve.
            tracing::warn!("{}: cannot be set aside: {error}", path.display());
        }
        moved.is_ok()
    };
    (vouched.into_iter().filter(moved).collect(), left.into_iter().filter(moved).collect())
}

/// Sets files aside that are in the folder of a post and not in the ledger:
/// about to join it when the process ended, or forgotten by a damaged ledger.
/// `files` are those of the ledger, each as `upload/name`.
fn sweep_posts(root: &Path, files: &HashSet<String>) -> io::Result<()> {
    let posts: HashSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    for post in posts {
        let folder = root.join(UPLOADS).join(post);
        let names = match names(&folder) {
            // Its delivery will tell that the files are gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        let unknown: Vec<PathBuf> = names
            .into_iter()
            .filter(|name| !files.contains(&format!("{post}/{name}")))
            .map(|name| folder.join(name))
            .collect();
        if unknown.is_empty() {
            continue;
        }
        match LostAndFound::of(root).set_files_aside(&unknown, post) {
            Ok(place) => tracing::warn!(
                "{}: {} files that the ledger does not know are set aside in {}; put them into \
                 the queue, should their camera have heard OK: afterimage queue adopt",
                folder.display(),
                unknown.len(),
                place.display()
            ),
            Err(error) => tracing::warn!("{}: cannot be set aside: {error}", folder.display()),
        }
    }
    Ok(())
}

/// Removes notes of what is delivered, and halves of notes; sets those aside
/// whose delivery is unknown.
fn sweep_notes(root: &Path, waiting: &HashSet<String>, known: &HashSet<String>) -> io::Result<()> {
    let aside = root.join(LOST).join(NOTES);
    for name in names(&root.join(NOTES))? {
        let path = root.join(NOTES).join(&name);
        let (id, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
        if ending == "notes" && waiting.contains(id) {
            continue;
        }
        if ending == "new" || known.contains(id) {
            tell(&path, fs::remove_file(&path));
        } else {
            let moved =
                fs::create_dir_all(&aside).and_then(|()| fs::rename(&path, aside.join(&name)));
            if let Err(error) = moved {
                tracing::warn!("{}: cannot be set aside: {error}", path.display());
            }
        }
    }
    Ok(())
}

/// Vouches for manifests of uploads that the ledger has, removes those without
/// an upload; the uploads that have no manifest.
fn sweep_manifests(root: &Path, kept: &HashSet<String>) -> io::Result<Vec<String>> {
    let manifests = Manifests::of(root);
    let mut bare = kept.clone();
    for name in names(manifests.folder())? {
        let (upload, vouched) = Manifests::upload(&name);
        bare.remove(upload);
        if !kept.contains(upload) {
            if !root.join(UPLOADS).join(upload).exists() {
                let path = manifests.folder().join(&name);
                tell(&path, fs::remove_file(&path));
            }
        } else if !vouched && !manifests.path(upload).exists() {
            manifests.vouch(upload);
        }
    }
    bare.retain(|upload| root.join(UPLOADS).join(upload).exists());
    Ok(bare.into_iter().collect())
}

/// A leftover takes room and does no other harm: no reason not to serve.
fn tell(path: &Path, removed: io::Result<()>) {
    match removed {
        Ok(()) => tracing::info!("{}: a leftover; removed", path.display()),
        Err(error) => tracing::warn!("{}: a leftover; cannot be removed: {error}", path.display()),
    }
}

/// Some of `names`, for a line of the log.
fn some(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text.push_str(", ...");
    }
    text
}
