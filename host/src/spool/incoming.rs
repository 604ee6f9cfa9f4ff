//! An upload while its bytes come in.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::lane::Lane;
use crate::digest;
use crate::file_name;
use crate::upload;

/// Bytes handed to other threads at once. Waking a thread takes some 15 us,
/// hashing this much 250 us.
const BATCH: usize = 512 << 10;

/// Bytes that may be written and not on their way to the disk. With less to
/// do at the end, the camera waits less for its answer.
const UNSYNCED: u64 = 32 << 20;

/// Files of one upload. Cameras were never seen to send more than 20.
const FILES: usize = 100;

/// The folder of one upload on its way; removed when dropped, unless the
/// ledger has taken the upload.
pub struct Incoming {
    id: String,
    folder: PathBuf,
    files: Vec<upload::File>,
    kept: bool,
}

impl Incoming {
    pub(super) async fn create(parent: &Path) -> io::Result<Self> {
        let id = uuid::Uuid::now_v7().to_string();
        let folder = parent.join(&id);
        tokio::fs::create_dir(&folder).await?;
        Ok(Self { id, folder, files: Vec::new(), kept: false })
    }

    /// The upload's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Folder of the files, and of nothing else.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is complete so far.
    pub fn files(&self) -> &[upload::File] {
        &self.files
    }

    /// Begins the next file. `name` must be safe; it gets a number if the
    /// upload has one of that name already.
    ///
    /// # Errors
    /// The disk's, or more than 100 files.
    pub async fn create_file(&self, name: &str, content_type: String) -> io::Result<IncomingFile> {
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
        let path = self.folder.join(&unique);
        let file = Arc::new(tokio::fs::File::create_new(path).await?.into_std().await);
        Ok(IncomingFile {
            name: unique,
            content_type,
            batch: Vec::new(),
            handed_over: Arc::default(),
            size: 0,
            synced: 0,
            hashing: Lane::new(Sha256::new()),
            syncing: Lane::new(file.clone()),
            writing: Lane::new(file),
        })
    }

    /// Adds a file whose bytes have all come, and puts them on disk.
    ///
    /// # Errors
    /// The disk's, for any of its bytes; the upload must then be refused,
    /// since a second attempt would succeed without the data being there.
    pub async fn finish_file(&mut self, mut file: IncomingFile) -> io::Result<()> {
        file.hand_over().await?;
        file.writing.begin(|file| file.sync_data()).await?;
        let sha256 = digest::hex(&file.hashing.end().await?.finalize());
        file.writing.end().await?;
        file.syncing.end().await?;
        let IncomingFile { name, content_type, size, .. } = file;
        self.files.push(upload::File { name, content_type, size, sha256 });
        Ok(())
    }

    /// Puts the names of the files on disk.
    ///
    /// # Errors
    /// The disk's; the upload must then be refused.
    pub async fn sync(&self) -> io::Result<()> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || File::open(folder)?.sync_all()).await?
    }

    /// Leaves the folder to the ledger, which may take the upload even if
    /// nobody waits for its answer any more.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes the folder before it returns, so that nothing of an upload is
    /// left when the camera hears that it failed.
    pub async fn discard(mut self) {
        self.kept = true;
        let folder = std::mem::take(&mut self.folder);
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{}: {error}", folder.display());
            }
            _ => {}
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let folder = std::mem::take(&mut self.folder);
        let remove = move || {
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                tracing::warn!("{}: {error}", folder.display());
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// A file whose bytes are coming in. While they come from the socket, those
/// before are hashed, written, and on their way to the disk, each on a thread.
pub struct IncomingFile {
    name: String,
    content_type: String,
    /// What the threads get next. Copied together, so that the buffer into
    /// which the socket was read is free for the next read: that is cheaper
    /// than the page faults of ever new buffers, and small chunks hold nothing.
    batch: Vec<u8>,
    /// What they have got.
    handed_over: Arc<Vec<u8>>,
    size: u64,
    /// How much was written when it was last begun to bring it to the disk.
    synced: u64,
    hashing: Lane<Sha256>,
    writing: Lane<Arc<File>>,
    syncing: Lane<Arc<File>>,
}

impl IncomingFile {
    /// Appends `chunk`. Waits while the disk is slower than the network.
    ///
    /// # Errors
    /// The disk's, perhaps of an earlier chunk. The file cannot be continued.
    pub async fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.size += chunk.len() as u64;
        self.batch.extend_from_slice(chunk);
        if self.batch.len() < BATCH { Ok(()) } else { self.hand_over().await }
    }

    async fn hand_over(&mut self) -> io::Result<()> {
        let batch = Arc::new(std::mem::take(&mut self.batch));
        let (to_hash, to_write) = (batch.clone(), batch.clone());
        let hash = move |hash: &mut Sha256| {
            hash.update(&*to_hash);
            Ok(())
        };
        self.hashing.begin(hash).await?;
        self.writing.begin(move |file| (&**file).write_all(&to_write)).await?;
        // Both threads have done with the one before.
        let before = std::mem::replace(&mut self.handed_over, batch);
        self.batch = Arc::into_inner(before).unwrap_or_default();
        self.batch.clear();
        if self.size - self.synced >= UNSYNCED && self.syncing.is_free() {
            self.synced = self.size;
            self.syncing.begin(|file| file.sync_data()).await?;
        }
        Ok(())
    }
}
