//! An upload while its bytes come in. The same for every spool; where the bytes
//! go is behind [`Place`] and [`Sink`].

use std::io;
use std::sync::Arc;

use async_trait::async_trait;

use crate::digest;
use crate::file_name;
use crate::upload;

/// Bytes handed to a place at once. Waking a thread takes some 15 us, hashing
/// this much 250 us. A smaller file is handed over as a whole.
const BATCH: usize = 512 << 10;

/// Files of one upload. Cameras were never seen to send more than 20.
const FILES: usize = 100;

/// SHA-256 of a file.
pub type Sha256 = [u8; 32];

/// Where the files of one upload go. Removes them when it is dropped, unless
/// they were kept.
#[async_trait]
pub trait Place: Send + Sync {
    /// Puts a small file on disk as a whole.
    ///
    /// # Errors
    /// The disk's.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> io::Result<Sha256>;

    /// Begins a large file.
    ///
    /// # Errors
    /// The disk's.
    async fn begin(&self, name: &str) -> io::Result<Box<dyn Sink>>;

    /// Leaves what has come to the spool, which may take the upload even if
    /// nobody waits for its answer any more.
    fn keep(&self);

    /// Removes what has come, before it returns.
    async fn discard(&self);
}

/// Where the bytes of one large file go.
#[async_trait]
pub trait Sink: Send {
    /// Takes a batch; an empty buffer for the next one.
    ///
    /// # Errors
    /// Those of the batches before.
    async fn write(&mut self, batch: Vec<u8>) -> io::Result<Vec<u8>>;

    /// Waits until no batch is in memory any more.
    ///
    /// # Errors
    /// Those of all batches.
    async fn rest(&mut self) -> io::Result<()>;

    /// Takes the last batch and puts the file on disk.
    ///
    /// # Errors
    /// Those of all batches.
    async fn end(self: Box<Self>, last: Vec<u8>) -> io::Result<Sha256>;
}

/// An upload on its way. What has come of it is removed with the lease, unless
/// the spool has taken the upload.
pub struct Lease {
    id: String,
    place: Arc<dyn Place>,
    files: Vec<upload::File>,
}

impl Lease {
    /// A lease of the upload `id`, whose files go to `place`.
    pub fn new(id: String, place: Arc<dyn Place>) -> Self {
        Self { id, place, files: Vec::new() }
    }

    /// The upload's id.
    pub fn id(&self) -> &str {
        &self.id
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
    pub fn create_file(&self, name: &str, content_type: String) -> io::Result<LeasedFile> {
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
        Ok(LeasedFile {
            place: self.place.clone(),
            name: unique,
            content_type,
            size: 0,
            batch: Vec::new(),
            sink: None,
        })
    }

    /// Adds a file whose bytes have all come, and puts them on disk.
    ///
    /// # Errors
    /// The disk's, for any of its bytes; the upload must then be refused,
    /// since a second attempt would succeed without the data being there.
    pub async fn finish_file(&mut self, file: LeasedFile) -> io::Result<()> {
        let LeasedFile { place, name, content_type, size, batch, sink } = file;
        let sha256 = match sink {
            Some(sink) => sink.end(batch).await?,
            None => place.put(&name, batch).await?,
        };
        self.files.push(upload::File { name, content_type, size, sha256: digest::hex(&sha256) });
        Ok(())
    }

    /// Leaves what has come to the spool that takes the upload.
    pub fn keep(&self) {
        self.place.keep();
    }

    /// Removes what has come before it returns, so that nothing of an upload is
    /// left when the camera hears that it failed.
    pub async fn discard(self) {
        self.place.discard().await;
    }
}

/// A file whose bytes are coming in.
pub struct LeasedFile {
    place: Arc<dyn Place>,
    name: String,
    content_type: String,
    size: u64,
    /// What is handed over next. Copied together, so that the buffer into
    /// which the socket was read is free for the next read: that is cheaper
    /// than the page faults of ever new buffers, and small chunks hold nothing.
    batch: Vec<u8>,
    /// None as long as everything is in the first batch.
    sink: Option<Box<dyn Sink>>,
}

impl LeasedFile {
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
        self.hand_over().await
    }

    /// Bytes that are in memory and not yet on their way to the disk.
    pub fn held(&self) -> usize {
        self.batch.len()
    }

    /// Puts what is held on its way to the disk, for the sake of memory.
    ///
    /// # Errors
    /// The disk's, perhaps of an earlier chunk. The file cannot be continued.
    pub async fn hand_over(&mut self) -> io::Result<()> {
        let sink = match &mut self.sink {
            Some(sink) => sink,
            none => none.insert(self.place.begin(&self.name).await?),
        };
        self.batch = sink.write(std::mem::take(&mut self.batch)).await?;
        Ok(())
    }

    /// The same, and returns when none of it is in memory any more: of a camera
    /// that has fallen silent.
    ///
    /// # Errors
    /// As of [`LeasedFile::hand_over`].
    pub async fn release(&mut self) -> io::Result<()> {
        if self.batch.is_empty() && self.sink.is_none() {
            return Ok(());
        }
        self.hand_over().await?;
        self.batch = Vec::new();
        match &mut self.sink {
            Some(sink) => sink.rest().await,
            None => Ok(()),
        }
    }
}
