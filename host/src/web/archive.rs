//! A folder as a zip that is written while it is sent: nothing is gathered
//! first, and pictures are not compressed again.

use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::folder;
use super::reply::Body;

/// Pieces that wait for a slow browser.
const AHEAD: usize = 4;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// The files of the folder below `root` at `parts`, not those of its folders.
pub fn stream(root: PathBuf, parts: Vec<String>) -> Body {
    let (sender, mut pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut way = Way { sender: sender.clone(), piece: Vec::with_capacity(PIECE) };
        if let Err(error) = write(&root, &parts, &mut way) {
            // So that the browser does not take a part for the whole.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let pieces = futures_util::stream::poll_fn(move |context| pieces.poll_recv(context));
    StreamBody::new(pieces).boxed_unsync()
}

fn write(root: &std::path::Path, parts: &[String], way: &mut Way) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(&mut *way);
    for entry in folder::list(root, parts)?.into_iter().filter(|entry| !entry.is_folder) {
        let place: Vec<String> = parts.iter().cloned().chain([entry.name.clone()]).collect();
        // Gone since it was listed.
        let Ok(mut file) = folder::file(root, &place) else { continue };
        let large = entry.size >= u64::from(u32::MAX);
        let stored = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(large);
        archive.start_file(entry.name, stored).map_err(io::Error::other)?;
        io::copy(&mut file, &mut archive)?;
    }
    archive.finish().map_err(io::Error::other)?;
    way.flush()
}

/// Sends what is written, piece by piece, as fast as the browser takes it.
struct Way {
    sender: mpsc::Sender<io::Result<Frame<Bytes>>>,
    piece: Vec<u8>,
}

impl Write for Way {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sent = self.sender.blocking_send(Ok(Frame::data(piece.into())));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
