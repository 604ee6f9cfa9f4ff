//! A connection while it is read: its bytes are counted, so that the slow ones
//! are known, and recorded where an operator wants that.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::camera::capture::Recording;
use crate::camera::places::Share;

/// Read at once by all connections. What is read waits in a buffer of its
/// connection until it is taken, and the buffer stays.
const AT_ONCE: usize = 4 << 20;

/// By one connection, at least.
const LEAST: usize = 4 << 10;

/// A connection whose incoming bytes are watched. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) stream: Arc<TcpStream>,
    /// Bytes so far.
    pub(crate) received: Arc<AtomicU64>,
    pub(crate) recording: Option<Arc<Mutex<Recording>>>,
    /// Of what all may read at once.
    pub(crate) share: Share,
}

impl Watched {
    /// Ends our side; what is written already still arrives.
    pub(crate) fn end(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write)?)
    }

    /// Reads `most` bytes at most; how many they were.
    pub(super) fn poll_read_part(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let most = most.min(self.share.of(AT_ONCE).max(LEAST));
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let before = buf.filled().len();
            match self.stream.try_read_buf(&mut (&mut *buf).limit(most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(length) => {
                    self.saw(&buf.filled()[before..]);
                    return Poll::Ready(Ok(length));
                }
            }
        }
    }

    /// Reads what is there already.
    pub(super) fn read_now(&self, buf: &mut BytesMut) -> io::Result<usize> {
        let before = buf.len();
        let length = self.stream.try_read_buf(buf)?;
        self.saw(&buf[before..]);
        Ok(length)
    }

    fn saw(&self, bytes: &[u8]) {
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Some(recording) = &self.recording {
            recording.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = buf.remaining();
        self.poll_read_part(cx, buf, most).map_ok(drop)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}

/// Reads of what was read `before`.
pub(super) fn read_before(before: &mut Bytes, buf: &mut ReadBuf<'_>) {
    let length = before.len().min(buf.remaining());
    buf.put_slice(&before[..length]);
    before.advance(length);
}
