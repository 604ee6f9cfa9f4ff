//! The head of a request, read before hyper sees it and rewritten where hyper
//! is stricter than cameras are correct (`protocol.md` 2, D1, D2, D25). What
//! follows the head passes through untouched.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use hyper::http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt};

pub(super) use self::forwarded::client;
use self::forwarded::{Preface, preface};
pub(crate) use self::framing::{Framing, Unclear};
use self::repair::{end_of_head, repair};
pub(crate) use self::rewound::Rewound;
pub(crate) use self::surplus::{Found, Surplus};
pub(crate) use self::watched::Watched;
use super::multipart;

mod forwarded;
mod framing;
pub mod repair;
mod rewound;
mod surplus;
mod unframed;
mod watched;

/// Largest head, in bytes. The NX300's has 900.
pub(super) const LARGEST_HEAD: usize = 64 << 10;

/// Most header fields. The NX300 has 10.
pub(super) const FIELDS: usize = 256;

/// Empty lines before a request, in bytes (RFC 9112 2.2).
const LARGEST_GAP: usize = 1 << 10;

/// A request up to and including the empty line.
pub(crate) struct Head {
    /// As it came; for the log.
    pub(crate) original: Bytes,
    /// As hyper takes it.
    pub(crate) repaired: Bytes,
    /// How the body behind it ends.
    pub(crate) framing: Framing,
    /// What came behind it already.
    pub(crate) rest: Bytes,
    /// For whom the one who connected comes, if that says so first of all.
    pub(crate) source: Option<SocketAddr>,
}

impl Head {
    fn new(original: Bytes, rest: Bytes) -> Result<Self, HeadError> {
        let repaired = repair(&original).ok_or(HeadError::NotHttp)?;
        let (framing, repaired) = framing::framing(&repaired)?;
        let head = Self { original, repaired: repaired.into(), framing, rest, source: None };
        // What hyper would refuse without a word.
        if head.repaired.iter().filter(|byte| **byte == b'\n').count() > FIELDS {
            return Err(HeadError::TooLarge);
        }
        match head.target().map(Uri::try_from) {
            Some(Ok(_)) => Ok(head),
            _ => Err(HeadError::NotHttp),
        }
    }

    /// How much of the body has still to come when `came` bytes of it have.
    pub(crate) fn outstanding(&self, came: u64) -> u64 {
        match self.framing {
            // One that waits for leave to send hears the answer at once.
            Framing::Length(_) if came == 0 && self.value("expect").is_some() => 0,
            Framing::Length(length) => length.saturating_sub(came),
            Framing::Chunked | Framing::Unsaid => 0,
        }
    }

    fn target(&self) -> Option<&[u8]> {
        self.repaired.split(|byte| *byte == b' ').nth(1)
    }

    /// Whether a body may follow though the head does not say so.
    fn may_have_body(&self) -> bool {
        self.repaired.starts_with(b"POST ") || self.repaired.starts_with(b"PUT ")
    }

    /// What stands between the parts of the body, if it has several.
    fn boundary(&self) -> Option<String> {
        self.value("content-type").and_then(|value| multipart::boundary(&value))
    }

    /// The first value of a header.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.values(name).next()
    }

    /// The values of all headers of this name.
    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.repaired.split(|byte| *byte == b'\n').filter_map(move |line| {
            let (found, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            found
                .eq_ignore_ascii_case(name.as_bytes())
                .then(|| String::from_utf8_lossy(value).trim().to_owned())
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
    /// Over [`LARGEST_HEAD`], or more than [`FIELDS`].
    #[error("over {} KiB or {FIELDS} lines", LARGEST_HEAD >> 10)]
    TooLarge,
    /// A TLS handshake: HMX-QF30, or somebody's browser.
    #[error("TLS, which this port does not speak; put a front end that ends TLS before it")]
    Tls,
    /// Not HTTP at all.
    #[error("no HTTP request")]
    NotHttp,
    /// Something about a PROXY header: it is none, or nobody is to send one.
    #[error("a PROXY header that is wrong, or that nobody is to send")]
    Proxy,
    /// Nobody can tell how long its body is.
    #[error(transparent)]
    Unclear(#[from] Unclear),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a request's head, all of which has to come within `deadline`. From a
/// proxy a PROXY header may stand before it.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    deadline: Duration,
    is_proxy: bool,
) -> Result<Head, HeadError> {
    match tokio::time::timeout(deadline, read(stream, is_proxy)).await {
        Ok(head) => head,
        Err(_) => Err(HeadError::Incomplete),
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, is_proxy: bool) -> Result<Head, HeadError> {
    let mut bytes = BytesMut::with_capacity(2 << 10);
    let (mut searched, mut gap) = (0, 0);
    let (mut source, mut greeted) = (None, false);
    loop {
        let length = stream.read_buf(&mut bytes).await?;
        if length == 0 {
            let nothing = bytes.is_empty() && gap == 0;
            return Err(if nothing { HeadError::Nothing } else { HeadError::Incomplete });
        }
        if !greeted {
            match preface(&bytes) {
                Preface::Unfinished => continue,
                Preface::Nothing => {}
                Preface::Header(length, of) if is_proxy => {
                    bytes.advance(length);
                    source = of;
                }
                Preface::Header(..) | Preface::Wrong => return Err(HeadError::Proxy),
            }
            greeted = true;
        }
        if searched == 0 {
            let empty = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            bytes.advance(empty);
            gap += empty;
            if gap > LARGEST_GAP {
                return Err(HeadError::NotHttp);
            }
            if bytes.is_empty() {
                continue;
            }
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
            let head = Head::new(original, bytes.freeze())?;
            return Ok(Head { source, ..head });
        }
        // The empty line may have begun in what was searched.
        searched = bytes.len().saturating_sub(3);
    }
}
