//! The folder of an upload while its bytes come in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sha2::Digest;
use tokio::task::spawn_blocking;

use super::gone_already;
use super::pipeline::Pipeline;
use crate::spool::lease::{Place, Sha256, Sink};

/// Where the files of an upload go. Removed when the last thread has gone that
/// may make files in it, so that none can leave anything behind.
#[derive(Clone)]
pub(super) struct Folder(Arc<Inner>);

struct Inner {
    path: PathBuf,
    kept: AtomicBool,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner { path, kept: AtomicBool::new(false) }))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        make(&self.0.path)?;
        File::create_new(self.0.path.join(name))
    }
}

/// Puts the names of the files of an upload on disk. There is a folder from
/// now on, even of an upload without files.
///
/// # Errors
/// The disk's; the upload must then be refused.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    make(path)?;
    File::open(path)?.sync_all()
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[async_trait]
impl Place for Folder {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> io::Result<Sha256> {
        let (folder, name) = (self.clone(), name.to_owned());
        // One piece of work for one thread: waking others would take longer
        // than it does.
        let written = spawn_blocking(move || -> io::Result<_> {
            let mut file = folder.create(&name)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            Ok(sha2::Sha256::digest(&bytes).into())
        });
        written.await?
    }

    async fn begin(&self, name: &str) -> io::Result<Box<dyn Sink>> {
        let (folder, name) = (self.clone(), name.to_owned());
        let file = spawn_blocking(move || folder.create(&name)).await??;
        Ok(Box::new(Growing { pipeline: Pipeline::new(file), _folder: self.clone() }))
    }

    fn keep(&self) {
        self.0.kept.store(true, Ordering::Relaxed);
    }

    async fn discard(&self) {
        self.keep();
        let folder = self.clone();
        // An end of the process in between leaves it to the next start.
        let _ = spawn_blocking(move || remove(&folder.0.path)).await;
    }
}

/// A large file that is coming in.
struct Growing {
    pipeline: Pipeline,
    _folder: Folder,
}

#[async_trait]
impl Sink for Growing {
    async fn write(&mut self, batch: Vec<u8>) -> io::Result<Vec<u8>> {
        self.pipeline.hand_over(batch).await
    }

    async fn rest(&mut self) -> io::Result<()> {
        self.pipeline.rest().await
    }

    async fn end(self: Box<Self>, last: Vec<u8>) -> io::Result<Sha256> {
        Ok(self.pipeline.end(last).await?.into())
    }
}

impl Drop for Inner {
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
    if let Err(error) = gone_already(fs::remove_dir_all(folder)) {
        tracing::warn!("{}: {error}", folder.display());
    }
}
