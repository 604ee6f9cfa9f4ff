//! Bodies without Content-Length (`protocol.md` 2, D13), which hyper would
//! take for empty ones: passed on in chunks, as if the camera had framed them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A request has ended after this long without a byte, if it is XML or its last
/// bytes are those of an end. Not so a file: nobody could tell the end of a
/// photo from a gap in the network, so a file has to end by the end of the
/// connection.
const SILENCE: Duration = Duration::from_secs(2);

/// The last bytes of the XML that cameras send.
const END_OF_XML: &[u8] = b"</Request>";

/// What tells that a body has ended.
pub(super) enum End {
    /// XML: its last element, or silence.
    Xml,
    /// Several parts: silence behind the closing boundary.
    Boundary(Vec<u8>),
    /// Nothing but the end of the connection.
    Unknown,
}

impl End {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Xml => END_OF_XML,
            Self::Boundary(boundary) => boundary,
            Self::Unknown => b"",
        }
    }
}

/// Frames what comes of a body.
pub(super) struct Unframed {
    /// Framed and not yet read.
    framed: Bytes,
    /// The end of what came, as long as the end of a body can be.
    tail: Vec<u8>,
    end: End,
    /// Runs while the body may have ended.
    silence: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Unframed {
    /// For a body of which `begin` came already.
    pub(super) fn new(begin: &[u8], end: End) -> Self {
        let silence = matches!(end, End::Xml).then(|| Box::pin(sleep(SILENCE)));
        let (framed, tail) = (Bytes::new(), Vec::new());
        let mut unframed = Self { framed, tail, end, silence, ended: false };
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
                self.finish();
                continue;
            }
            match piece.filled() {
                [] => self.finish(),
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
        let end = self.end.bytes();
        // The last bytes are enough to find an end in.
        let most = end.len() + "\r\n".len();
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(most)..]);
        let at_end = self.tail.trim_ascii_end().ends_with(end);
        let may_have_ended = match self.end {
            End::Unknown => false,
            End::Boundary(_) => at_end,
            End::Xml => true,
        };
        self.tail.drain(..self.tail.len().saturating_sub(most));
        self.silence = may_have_ended.then(|| Box::pin(sleep(SILENCE)));
        if matches!(self.end, End::Xml) && at_end {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.framed = [&self.framed, &b"0\r\n\r\n"[..]].concat().into();
    }
}
