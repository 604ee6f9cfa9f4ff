//! The connection as hyper reads it: the repaired head, then the body and not
//! a byte more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::unframed::{End, Unframed};
use super::watched::read_before;
use super::{Framing, Head, Surplus, Watched};

/// A connection with its head, as repaired, before it.
pub(crate) struct Rewound {
    before: Bytes,
    rest: Rest,
    source: Watched,
}

/// What follows `before`.
enum Rest {
    /// So many bytes more.
    Counted(u64),
    /// Whatever comes.
    Chunked,
    /// A body that says nothing of its length.
    Unframed(Unframed),
}

impl Rewound {
    /// Also what may come behind a body of which the head says the length.
    pub(crate) fn new(head: &Head, source: Watched) -> (Self, Option<Surplus>) {
        let mut rest = head.rest.clone();
        let mut before = BytesMut::with_capacity(head.repaired.len() + rest.len() + 30);
        before.extend_from_slice(&head.repaired);
        let (rest, surplus) = match head.framing {
            Framing::Chunked => {
                before.extend_from_slice(&rest);
                (Rest::Chunked, None)
            }
            Framing::Unsaid if head.may_have_body() => {
                before.truncate(head.repaired.len() - "\r\n".len());
                before.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                let end = match head.boundary() {
                    Some(boundary) => End::Boundary(format!("--{boundary}--").into_bytes()),
                    None if head.repaired.starts_with(b"POST ") => End::Xml,
                    None => End::Unknown,
                };
                (Rest::Unframed(Unframed::new(&rest, end)), None)
            }
            framing => {
                let length = if let Framing::Length(length) = framing { length } else { 0 };
                let early = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
                let body = rest.split_to(early);
                before.extend_from_slice(&body);
                let left = length - body.len() as u64;
                (Rest::Counted(left), Some(Surplus::new(rest, source.clone())))
            }
        };
        (Self { before: before.freeze(), rest, source }, surplus)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { before, rest, source } = &mut *self;
        if !before.is_empty() {
            read_before(before, buf);
            return Poll::Ready(Ok(()));
        }
        match rest {
            Rest::Chunked => Pin::new(source).poll_read(cx, buf),
            Rest::Unframed(unframed) => unframed.poll_read(source, cx, buf),
            // There is nothing more that hyper should see, nor any need to
            // wake it: one request is all.
            Rest::Counted(0) => Poll::Pending,
            Rest::Counted(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.remaining());
                let read = ready!(source.poll_read_part(cx, buf, most))?;
                *left -= read as u64;
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// Not vectored, so that hyper writes head and body of an answer as one piece:
/// a camera that gets them in two segments misses the body (`protocol.md` 2,
/// D26).
impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.source).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.source).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.source).poll_shutdown(cx)
    }
}
