//! A large file on its way to the disk: hashed, written and synced by a thread
//! each, in order, while the next piece is being brought. None of it blocks the
//! runtime.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use sha2::digest::Output;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that may be written and not on their way to the disk. With less to
/// do at the end, the camera waits less for its answer.
const UNSYNCED: usize = 32 << 20;

/// A large file whose bytes are hashed, written and brought to the disk, each
/// on a thread.
pub(super) struct Pipeline {
    hashing: Stage<Sha256>,
    writing: Stage<Arc<File>>,
    syncing: Stage<Arc<File>>,
    /// What the threads work on.
    batch: Arc<Vec<u8>>,
    /// Bytes since it was last begun to bring the file to the disk.
    unsynced: usize,
}

impl Pipeline {
    pub(super) fn new(file: File) -> Self {
        let file = Arc::new(file);
        Self {
            hashing: Stage::Idle(Sha256::new()),
            writing: Stage::Idle(file.clone()),
            syncing: Stage::Idle(file),
            batch: Arc::default(),
            unsynced: 0,
        }
    }

    /// Appends `batch`; an empty buffer for the next one.
    ///
    /// # Errors
    /// Those of the batches before.
    pub(super) async fn hand_over(&mut self, batch: Vec<u8>) -> io::Result<Vec<u8>> {
        let batch = Arc::new(batch);
        let (to_hash, to_write) = (batch.clone(), batch.clone());
        let hash = move |hash: &mut Sha256| {
            hash.update(&*to_hash);
            Ok(())
        };
        self.hashing.begin(hash).await?;
        self.writing.begin(move |file| (&**file).write_all(&to_write)).await?;
        self.unsynced += batch.len();
        // Both threads have done with the one before.
        let before = std::mem::replace(&mut self.batch, batch);
        let mut before = Arc::into_inner(before).unwrap_or_default();
        before.clear();
        if self.unsynced >= UNSYNCED && self.syncing.is_free() {
            self.unsynced = 0;
            self.syncing.begin(|file| file.sync_data()).await?;
        }
        Ok(before)
    }

    /// Waits until nothing is in memory that was handed over.
    ///
    /// # Errors
    /// Those of all batches.
    pub(super) async fn rest(&mut self) -> io::Result<()> {
        self.hashing = Stage::Idle(self.hashing.end().await?);
        self.writing = Stage::Idle(self.writing.end().await?);
        self.batch = Arc::default();
        Ok(())
    }

    /// Appends the `last` batch and puts the file on disk; the SHA-256 of all.
    ///
    /// # Errors
    /// Those of all batches.
    pub(super) async fn end(mut self, last: Vec<u8>) -> io::Result<Output<Sha256>> {
        self.hand_over(last).await?;
        self.writing.begin(|file| file.sync_data()).await?;
        let hash = self.hashing.end().await?;
        self.writing.end().await?;
        self.syncing.end().await?;
        Ok(hash.finalize())
    }
}

/// Something that is worked on by a thread, one piece after the other.
enum Stage<T> {
    /// Waits for the next piece.
    Idle(T),
    /// Works on one.
    Busy(JoinHandle<io::Result<T>>),
    /// A piece failed, and so does every later one.
    Failed,
}

impl<T: Send + 'static> Stage<T> {
    /// Whether a piece would begin at once.
    fn is_free(&self) -> bool {
        match self {
            Self::Idle(_) => true,
            Self::Busy(work) => work.is_finished(),
            Self::Failed => false,
        }
    }

    /// Waits for the piece before, and begins with the next.
    ///
    /// # Errors
    /// Those of the pieces before.
    async fn begin(
        &mut self,
        piece: impl FnOnce(&mut T) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let mut subject = self.end().await?;
        *self = Self::Busy(spawn_blocking(move || piece(&mut subject).map(|()| subject)));
        Ok(())
    }

    /// Waits for the last piece; the subject, which leaves the stage.
    ///
    /// # Errors
    /// Those of all pieces.
    async fn end(&mut self) -> io::Result<T> {
        match std::mem::replace(self, Self::Failed) {
            Self::Idle(subject) => Ok(subject),
            Self::Busy(work) => work.await?,
            Self::Failed => Err(io::Error::other("an earlier part failed")),
        }
    }
}
