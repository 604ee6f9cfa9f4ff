//! One file of an upload, from the network to the disk.

use std::collections::VecDeque;
use std::pin::pin;

use bytes::Bytes;

use super::media::Media;
use super::memory::{Held, SILENT};
use super::multipart::Chunks;
use super::reply::Refused;
use crate::spool::Lease;

/// Bytes of a beginning, by which a file is known.
const BEGINNING: usize = 512;

/// Chunks of which the first bytes are known before they are taken.
pub(super) struct Begun<S> {
    source: S,
    /// Taken from the source already.
    chunks: VecDeque<Bytes>,
}

impl<S: Chunks> Begun<S> {
    /// Waits for the first bytes of `source`.
    ///
    /// # Errors
    /// The source's.
    pub(super) async fn new(mut source: S) -> Result<Self, S::Error> {
        let mut chunks = VecDeque::new();
        let mut length = 0;
        while length < BEGINNING
            && let Some(chunk) = source.next().await?
        {
            length += chunk.len();
            chunks.push_back(chunk);
        }
        if chunks.front().is_some_and(|chunk: &Bytes| chunk.len() < BEGINNING) {
            chunks = VecDeque::from([chunks.into_iter().flatten().collect()]);
        }
        chunks.retain(|chunk| !chunk.is_empty());
        Ok(Self { source, chunks })
    }

    /// At least the first 512 bytes, unless there are fewer.
    pub(super) fn beginning(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    /// Whether nothing comes at all.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl<S: Chunks> Chunks for Begun<S> {
    type Error = S::Error;

    async fn next(&mut self) -> Result<Option<Bytes>, S::Error> {
        match self.chunks.pop_front() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.source.next().await,
        }
    }
}

/// Takes the file that `chunks` brings into `lease`. Name and media type
/// are as the camera sent them.
///
/// # Errors
/// The source's or the disk's; a name that points elsewhere.
pub(super) async fn receive<S: Chunks<Error = Refused>>(
    chunks: &mut Begun<S>,
    name: &str,
    content_type: Option<&str>,
    lease: &mut Lease,
    mut held: Held<'_>,
) -> Result<(), Refused> {
    let Media { name, content_type } = Media::new(name, content_type, chunks.beginning())?;
    let mut file = lease.create_file(&name, content_type).map_err(Refused::disk)?;
    loop {
        let mut next = pin!(chunks.next());
        let chunk = match tokio::time::timeout(SILENT, &mut next).await {
            Ok(chunk) => chunk?,
            Err(_) => {
                if held.is_dear() {
                    file.release().await.map_err(Refused::disk)?;
                    held.set(0);
                }
                next.await?
            }
        };
        let Some(chunk) = chunk else { break };
        file.append(&chunk).await.map_err(Refused::disk)?;
        held.set(file.held());
        if held.is_too_much() {
            file.hand_over().await.map_err(Refused::disk)?;
            held.set(file.held());
        }
    }
    lease.finish_file(file).await.map_err(Refused::disk)
}
