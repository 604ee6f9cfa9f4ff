//! An upload while its bytes come in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::sweep;
use super::workers::Workers;
use crate::digest;
use crate::file_name;
use crate::upload;

/// Bytes handed to other threads at once. Waking a thread takes some 15 us,
/// hashing this much 250 us. A smaller file is handed over as a whole.
const BATCH: usize = 512 << 10;

/// Files of one upload. Cameras were never seen to send more than 20.
const FILES: usize = 100;

/// An upload on its way. Its folder is removed with it, unless the ledger has
/// taken the upload.
pub struct Incoming {
    id: String,
    folder: Arc<Folder>,
    files: Vec<upload::File>,
}

impl Incoming {
    pub(super) fn new(parent: &Path) -> Self {
        let id = uuid::Uuid::now_v7().to_string();
        let folder = Folder { path: parent.join(&id), kept: AtomicBool::new(false) };
        Self { id, folder: Arc::new(folder), files: Vec::new() }
    }

    /// The upload's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Folder of the files, and of nothing else. Made with the first of them.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// What is complete so far.
    pub fn files(&self) -> &[upload::File] {
        &self.files
    }

    /// Begins the next file. `name` must be safe; it gets a number if the
    /// upload has one of that name already.
    ///
    /// # Errors
    /// More than 100 files.
    pub fn create_file(&self, name: &str, content_type: String) -> io::Result<IncomingFile> {
        if self.files.len() == FILES {
            return Err(io::Error::other(format!("more than {FILES} files in one upload")));
        }
        let taken = |name: &str| self.files.iter().any(|file| file.name.eq_ignore_ascii_case(name));
        let mut unique = name.to_owned();
        let mut number = 2;
        while taken(&unique) {
            unique = file_name::numbered(name, number);
            number += 1;
        }
        Ok(IncomingFile {
            folder: self.folder.clone(),
            name: unique,
            content_type,
            size: 0,
            batch: Vec::new(),
            workers: None,
        })
    }

    /// Adds a file whose bytes have all come, and puts them on disk.
    ///
    /// # Errors
    /// The disk's, for any of its bytes; the upload must then be refused,
    /// since a second attempt would succeed without the data being there.
    pub async fn finish_file(&mut self, file: IncomingFile) -> io::Result<()> {
        let IncomingFile { folder, name, content_type, size, batch, workers } = file;
        let sha256 = match workers {
            Some(workers) => workers.end(batch).await?,
            None => {
                let name = name.clone();
                // One piece of work for one thread: waking others would take
                // longer than it does.
                let written = spawn_blocking(move || -> io::Result<_> {
                    let mut file = folder.create(&name)?;
                    file.write_all(&batch)?;
                    file.sync_data()?;
                    Ok(Sha256::digest(&batch))
                });
                written.await??
            }
        };
        self.files.push(upload::File { name, content_type, size, sha256: digest::hex(&sha256) });
        Ok(())
    }

    /// Puts the names of the files on disk and leaves the folder to the ledger,
    /// which may take the upload even if nobody waits for its answer any more.
    /// There is a folder from now on, even of an upload without files.
    ///
    /// # Errors
    /// The disk's; the upload must then be refused.
    pub(super) async fn keep(&self) -> io::Result<()> {
        let folder = self.folder.clone();
        spawn_blocking(move || {
            folder.make()?;
            File::open(&folder.path)?.sync_all()
        })
        .await??;
        self.folder.kept.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes the folder before it returns, so that nothing of an upload is
    /// left when the camera hears that it failed.
    pub async fn discard(self) {
        let folder = self.folder;
        folder.kept.store(true, Ordering::Relaxed);
        // An end of the process in between leaves it to the next start.
        let _ = spawn_blocking(move || remove(&folder.path)).await;
    }
}

/// Where the files of an upload go. Removed when the last thread has gone that
/// may make files in it, so that none can leave anything behind.
struct Folder {
    path: PathBuf,
    kept: AtomicBool,
}

impl Folder {
    fn make(&self) -> io::Result<()> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.make()?;
        File::create_new(self.path.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            return;
        }
        let path = std::mem::take(&mut self.path);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path))),
            Err(_) => remove(&path),
        }
    }
}

fn remove(folder: &Path) {
    if let Err(error) = sweep::remove(fs::remove_dir_all(folder)) {
        tracing::warn!("{}: {error}", folder.display());
    }
}

/// A file whose bytes are coming in. When there are many, those before are
/// hashed, written, and on their way to the disk, each on a thread, while more
/// come from the socket.
pub struct IncomingFile {
    folder: Arc<Folder>,
    name: String,
    content_type: String,
    size: u64,
    /// What is handed over next. Copied together, so that the buffer into
    /// which the socket was read is free for the next read: that is cheaper
    /// than the page faults of ever new buffers, and small chunks hold nothing.
    batch: Vec<u8>,
    /// None as long as everything is in the first batch.
    workers: Option<Workers>,
}

impl IncomingFile {
    /// Appends `chunk`. Waits while the disk is slower than the network.
    ///
    /// # Errors
    /// The disk's, perhaps of an earlier chunk. The file cannot be continued.
    pub async fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.size += chunk.len() as u64;
        self.batch.extend_from_slice(chunk);
        if self.batch.len() < BATCH {
            return Ok(());
        }
        let workers = match &mut self.workers {
            Some(workers) => workers,
            none => {
                let (folder, name) = (self.folder.clone(), self.name.clone());
                let file = spawn_blocking(move || folder.create(&name)).await??;
                none.insert(Workers::new(file))
            }
        };
        self.batch = workers.hand_over(std::mem::take(&mut self.batch)).await?;
        Ok(())
    }
}
