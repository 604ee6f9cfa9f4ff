//! An upload while its bytes come in.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::digest;
use crate::file_name;
use crate::upload;

/// Bytes that are worth handing to another thread, which takes some 15 us.
const WORTHWHILE: usize = 32 << 10;

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
        let file = tokio::fs::File::create_new(path).await?.into_std().await;
        let writer = Writer { file, hash: Sha256::new(), size: 0 };
        Ok(IncomingFile {
            name: unique,
            content_type,
            small: BytesMut::new(),
            state: State::Idle(Box::new(writer)),
        })
    }

    /// Adds a file whose bytes have all come.
    ///
    /// # Errors
    /// The disk's, for any of its bytes.
    pub async fn finish_file(&mut self, mut file: IncomingFile) -> io::Result<()> {
        let rest = file.small.split().freeze();
        file.write(rest).await?;
        let Writer { hash, size, .. } = *file.idle().await?;
        let IncomingFile { name, content_type, .. } = file;
        let sha256 = digest::hex(&hash.finalize());
        self.files.push(upload::File { name, content_type, size, sha256 });
        Ok(())
    }

    /// Puts every file and its name on disk.
    ///
    /// # Errors
    /// The disk's; the upload must then be refused, since a second attempt
    /// would succeed without the data being there.
    pub async fn sync(&self) -> io::Result<()> {
        let folder = self.folder.clone();
        let names: Vec<String> = self.files.iter().map(|file| file.name.clone()).collect();
        tokio::task::spawn_blocking(move || {
            for name in names {
                File::open(folder.join(name))?.sync_data()?;
            }
            File::open(folder)?.sync_all()
        })
        .await?
    }

    /// Leaves the folder to the ledger.
    pub(super) fn keep(mut self) {
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

/// A file whose bytes are coming in. A chunk is hashed and written on a
/// blocking thread while the next one is read from the socket.
pub struct IncomingFile {
    name: String,
    content_type: String,
    /// Chunks too small to be worth a thread's attention each.
    small: BytesMut,
    state: State,
}

enum State {
    Idle(Box<Writer>),
    Busy(JoinHandle<io::Result<Box<Writer>>>),
    Failed,
}

struct Writer {
    file: File,
    hash: Sha256,
    size: u64,
}

impl IncomingFile {
    /// Appends `chunk`. Waits while the disk is slower than the network.
    ///
    /// # Errors
    /// The disk's, perhaps of an earlier chunk. The file cannot be continued.
    pub async fn append(&mut self, chunk: Bytes) -> io::Result<()> {
        if self.small.is_empty() && chunk.len() >= WORTHWHILE {
            return self.write(chunk).await;
        }
        self.small.extend_from_slice(&chunk);
        if self.small.len() >= WORTHWHILE {
            let chunk = self.small.split().freeze();
            return self.write(chunk).await;
        }
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        let mut writer = self.idle().await?;
        self.state = State::Busy(tokio::task::spawn_blocking(move || {
            writer.hash.update(&chunk);
            writer.file.write_all(&chunk)?;
            writer.size += chunk.len() as u64;
            Ok(writer)
        }));
        Ok(())
    }

    async fn idle(&mut self) -> io::Result<Box<Writer>> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Idle(writer) => Ok(writer),
            State::Busy(work) => work.await?,
            State::Failed => Err(io::Error::other("an earlier part was not written")),
        }
    }
}
