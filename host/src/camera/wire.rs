//! The head of a request, read before hyper sees it and rewritten where hyper
//! is stricter than cameras are correct (`protocol.md` 2, D1, D2, D25). What
//! follows the head passes through untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use self::repair::{end_of_head, repair};
use self::unframed::Unframed;
pub(crate) use self::watched::Watched;

pub mod repair;
mod unframed;
mod watched;

/// Largest head, in bytes. The NX300's has 900.
pub(super) const LARGEST_HEAD: usize = 64 << 10;

/// A request up to and including the empty line.
pub(crate) struct Head {
    /// As it came; for the log.
    pub(crate) original: Bytes,
    /// As hyper takes it.
    pub(crate) repaired: Bytes,
    /// What came behind it already.
    pub(crate) rest: Bytes,
}

impl Head {
    /// Whether a body may follow of which the head does not say how long it is.
    fn lacks_length(&self) -> bool {
        (self.repaired.starts_with(b"POST ") || self.repaired.starts_with(b"PUT "))
            && !self.has("content-length:")
            && !self.has("transfer-encoding:")
    }

    /// Whether a header line begins so, in whatever case.
    fn has(&self, begin: &str) -> bool {
        self.repaired.split(|byte| *byte == b'\n').any(|line| {
            line.get(..begin.len()).is_some_and(|line| line.eq_ignore_ascii_case(begin.as_bytes()))
        })
    }
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    /// Closed without a byte, as port scanners and health checks do.
    #[error("closed without a request")]
    Nothing,
    /// Closed or silent in the middle of it.
    #[error("ended or stalled in the middle of its head")]
    Incomplete,
    /// Over [`LARGEST_HEAD`].
    #[error("over {} KiB", LARGEST_HEAD >> 10)]
    TooLarge,
    /// A TLS handshake: HMX-QF30, or somebody's browser.
    #[error("TLS, which this port does not speak; put a front end that ends TLS before it")]
    Tls,
    /// Not HTTP at all.
    #[error("no HTTP request")]
    NotHttp,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a request's head, all of which has to come within `deadline`.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    deadline: Duration,
) -> Result<Head, HeadError> {
    match tokio::time::timeout(deadline, read(stream)).await {
        Ok(head) => head,
        Err(_) => Err(HeadError::Incomplete),
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Head, HeadError> {
    let mut bytes = BytesMut::with_capacity(2 << 10);
    let mut searched = 0;
    loop {
        let length = stream.read_buf(&mut bytes).await?;
        if length == 0 {
            return Err(if bytes.is_empty() { HeadError::Nothing } else { HeadError::Incomplete });
        }
        if bytes[0] == 0x16 {
            return Err(HeadError::Tls);
        }
        let end = end_of_head(&bytes, searched);
        if end.unwrap_or(bytes.len()) > LARGEST_HEAD {
            return Err(HeadError::TooLarge);
        }
        if let Some(end) = end {
            let original = bytes.split_to(end).freeze();
            let repaired = repair(&original).ok_or(HeadError::NotHttp)?.into();
            return Ok(Head { original, repaired, rest: bytes.freeze() });
        }
        // The empty line may have begun in what was searched.
        searched = bytes.len().saturating_sub(3);
    }
}

/// A connection with bytes before it that were read already.
pub(crate) struct Rewound<S> {
    before: Bytes,
    /// For a body that says nothing of its length.
    unframed: Option<Unframed>,
    source: Watched<S>,
}

impl<S> Rewound<S> {
    pub(crate) fn new(head: &Head, source: Watched<S>) -> Self {
        let mut before = BytesMut::with_capacity(head.repaired.len() + head.rest.len() + 30);
        let unframed = head.lacks_length().then(|| {
            let is_text =
                head.repaired.starts_with(b"POST ") && !head.has("content-type: multipart");
            Unframed::new(&head.rest, is_text)
        });
        if unframed.is_some() {
            let empty_line = head.repaired.len() - 2;
            before.extend_from_slice(&head.repaired[..empty_line]);
            before.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        } else {
            before.extend_from_slice(&head.repaired);
            before.extend_from_slice(&head.rest);
        }
        Self { before: before.freeze(), unframed, source }
    }

    pub(crate) fn into_inner(self) -> Watched<S> {
        self.source
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            let Self { unframed, source, .. } = &mut *self;
            return match unframed {
                Some(unframed) => unframed.poll_read(source, cx, buf),
                None => Pin::new(source).poll_read(cx, buf),
            };
        }
        let length = self.before.len().min(buf.remaining());
        buf.put_slice(&self.before[..length]);
        self.before.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// Not vectored, so that hyper writes head and body of an answer as one piece:
/// a camera that gets them in two segments misses the body (`protocol.md` 2,
/// D26).
impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.source.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.source.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.source.stream).poll_shutdown(cx)
    }
}
