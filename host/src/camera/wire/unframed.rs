//! Bodies without Content-Length (`protocol.md` 2, D13), which hyper would
//! take for empty ones: passed on in chunks, as if the camera had framed them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// An XML request has ended after this long without a byte. Not so a file:
/// nobody could tell the end of a photo from a gap in the network, so a file
/// has to end by the end of the connection.
const SILENCE: Duration = Duration::from_secs(2);

/// The last bytes of the XML that cameras send.
const END: &[u8] = b"</Request>";

/// Frames what comes of a body.
pub(super) struct Unframed {
    /// Framed and not yet read.
    framed: Bytes,
    /// The end of what came, as long as [`END`] but for one byte.
    tail: Vec<u8>,
    silence: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Unframed {
    /// For a body of which `begin` came already. `is_text` tells that it
    /// should be XML.
    pub(crate) fn new(begin: &[u8], is_text: bool) -> Self {
        let silence = is_text.then(|| Box::pin(sleep(SILENCE)));
        let mut unframed = Self { framed: Bytes::new(), tail: Vec::new(), silence, ended: false };
        unframed.frame(begin);
        unframed
    }

    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.framed.is_empty() && !self.ended {
            let mut space = [0; 16 << 10];
            let mut piece = ReadBuf::new(&mut space);
            if Pin::new(&mut *stream).poll_read(cx, &mut piece)?.is_pending() {
                let Some(silence) = &mut self.silence else { return Poll::Pending };
                ready!(silence.as_mut().poll(cx));
                self.end();
                continue;
            }
            match piece.filled() {
                [] => self.end(),
                bytes => self.frame(bytes),
            }
        }
        if self.framed.is_empty() {
            // The next request of the connection, which there is none of.
            return Pin::new(stream).poll_read(cx, buf);
        }
        let length = self.framed.len().min(buf.remaining());
        buf.put_slice(&self.framed[..length]);
        self.framed.advance(length);
        Poll::Ready(Ok(()))
    }

    fn frame(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut framed = BytesMut::from(format!("{:x}\r\n", bytes.len()).as_bytes());
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.framed = framed.freeze();
        let Some(silence) = &mut self.silence else { return };
        silence.as_mut().reset(Instant::now() + SILENCE);
        self.tail.extend_from_slice(bytes);
        if memchr::memmem::find(&self.tail, END).is_some() {
            self.end();
        }
        self.tail.drain(..self.tail.len().saturating_sub(END.len() - 1));
    }

    fn end(&mut self) {
        self.ended = true;
        self.framed = [&self.framed, &b"0\r\n\r\n"[..]].concat().into();
    }
}
