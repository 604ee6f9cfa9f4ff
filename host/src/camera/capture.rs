//! Raw requests kept for whoever wants to understand a new model
//! (`CAPTURE_FOLDER`): the bytes as they came, passwords and keys masked.
//!
//! Off by default: a request holds photos and addresses. Bounded, since anybody
//! who reaches the port can fill it: so many requests, of each the beginning
//! and the end, the oldest making room.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::mask::masked;

/// Requests kept in the folder.
const REQUESTS: usize = 200;

/// Requests recorded at once; others pass unrecorded.
const AT_ONCE: usize = 8;

/// Bytes kept of the beginning of a request, in which all XML stands, and of
/// its end, which tells how a multipart body is closed.
const BEGINNING: usize = 1 << 20;
const END: usize = 64 << 10;

/// The folder of raw requests.
pub(crate) struct Captures {
    folder: PathBuf,
    places: Arc<Semaphore>,
    /// One writer at a time, so that the count is right.
    writing: Arc<Mutex<()>>,
}

/// What has come of one request.
pub(crate) struct Recording {
    beginning: Vec<u8>,
    end: VecDeque<u8>,
    length: usize,
    /// Whether nothing more is of interest.
    is_done: bool,
    _place: OwnedSemaphorePermit,
}

impl Captures {
    /// Requests go to `folder`, which only this user can read.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { folder: folder.to_owned(), places, writing: Arc::default() })
    }

    /// A recording, unless too many run.
    pub(crate) fn record(&self) -> Option<Arc<Mutex<Recording>>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Arc::new(Mutex::new(Recording {
            beginning: Vec::new(),
            end: VecDeque::new(),
            length: 0,
            is_done: false,
            _place: place,
        })))
    }

    /// Keeps what was recorded.
    pub(crate) async fn keep(&self, recording: Arc<Mutex<Recording>>) {
        let (folder, writing) = (self.folder.clone(), self.writing.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let bytes = recording.lock().unwrap_or_else(PoisonError::into_inner).bytes();
            if bytes.is_empty() {
                return Ok(None);
            }
            let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
            make_room(&folder)?;
            // The name begins with the time, so that names sort by age.
            let path = folder.join(format!("{}.http", uuid::Uuid::now_v7()));
            let mut file =
                std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&bytes)?;
            io::Result::Ok(Some(path))
        });
        match kept.await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(path))) => tracing::info!("request captured in {}", path.display()),
            Ok(Err(error)) => tracing::warn!("CAPTURE_FOLDER: {error}; a request is not captured"),
            Err(error) => tracing::warn!("CAPTURE_FOLDER: {error}"),
        }
    }
}

fn make_room(folder: &Path) -> io::Result<()> {
    let mut captures: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .collect();
    captures.sort();
    let surplus = (captures.len() + 1).saturating_sub(REQUESTS);
    captures.iter().take(surplus).try_for_each(std::fs::remove_file)
}

impl Recording {
    /// Keeps the first bytes only, of what came and is to come.
    pub(crate) fn keep_only(&mut self, length: usize) {
        self.beginning.truncate(length);
        self.end.clear();
        self.length = self.beginning.len();
        self.is_done = true;
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if self.is_done {
            return;
        }
        self.length += bytes.len();
        let room = BEGINNING - self.beginning.len();
        let (beginning, rest) = bytes.split_at(bytes.len().min(room));
        self.beginning.extend_from_slice(beginning);
        let rest = &rest[rest.len().saturating_sub(END)..];
        let surplus = (self.end.len() + rest.len()).saturating_sub(END);
        self.end.drain(..surplus);
        self.end.extend(rest);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = masked(&self.beginning);
        let left_out = self.length - self.beginning.len() - self.end.len();
        if left_out > 0 {
            bytes.extend(format!("\n[{left_out} bytes are left out here]\n").bytes());
        }
        bytes.extend(&self.end);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_request_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let captures = Captures::new(folder.path()).unwrap();
        let recording = captures.record().unwrap();
        let mut recording = recording.lock().unwrap();
        let body: Vec<u8> = (0..3 << 20).map(|n: u32| b'a' + (n % 23) as u8).collect();
        for piece in body.chunks(100_003) {
            recording.add(piece);
        }
        let kept = recording.bytes();
        assert!(kept.starts_with(&body[..BEGINNING]) && kept.ends_with(&body[body.len() - END..]));
        let note = format!("[{} bytes are left out here]", body.len() - BEGINNING - END);
        assert!(memchr::memmem::find(&kept, note.as_bytes()).is_some());
    }

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..REQUESTS + 3 {
            std::fs::write(folder.path().join(format!("{number:04}.http")), "").unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        make_room(folder.path()).unwrap();
        assert!(!folder.path().join("0003.http").exists());
        assert!(folder.path().join("0004.http").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), REQUESTS);
    }
}
