//! A connection while it is read: its bytes are counted, so that the slow ones
//! are known, and recorded where an operator wants that.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::camera::capture::Recording;

/// A connection whose incoming bytes are watched.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    /// Bytes so far.
    pub(crate) received: Arc<AtomicU64>,
    pub(crate) recording: Option<Arc<Mutex<Recording>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let bytes = &buf.filled()[before..];
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Some(recording) = &self.recording {
            recording.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
        }
        polled
    }
}
