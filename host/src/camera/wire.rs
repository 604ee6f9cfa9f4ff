//! The head of a request, read before hyper sees it and rewritten where hyper
//! is stricter than cameras are correct (`protocol.md` 2, D1, D2, D25). What
//! follows the head passes through untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Largest head, in bytes. The NX300's has 900.
pub(super) const LARGEST_HEAD: usize = 64 << 10;

/// Time for a whole head, in which a camera on a bad network gets through.
const HEAD_DEADLINE: Duration = Duration::from_secs(20);

/// A request up to and including the empty line.
pub(super) struct Head {
    /// As it came; for the log.
    pub(super) original: Bytes,
    /// As hyper takes it.
    pub(super) repaired: Bytes,
    /// What came behind it already.
    pub(super) rest: Bytes,
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
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

/// Reads a request's head.
pub(super) async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Head, HeadError> {
    match tokio::time::timeout(HEAD_DEADLINE, read(stream)).await {
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

/// Where the empty line ends, or the only line of a request without version.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    for at in memchr::memchr_iter(b'\n', &bytes[from..]) {
        let at = from + at;
        match bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]).last() {
            Some(b'\n') | None => return Some(at + 1),
            _ => {}
        }
        let first_line = memchr::memchr(b'\n', bytes) == Some(at);
        if first_line && memchr::memmem::find(&bytes[..at], b"HTTP/").is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Writes `head` as hyper takes it: one space between method, target and
/// version, the target without bytes that hyper refuses, HTTP/1.1 (cameras
/// that speak 1.0 expect the answer in 1.1, `protocol.md` 1.4), CRLF, folded
/// and broken header lines mended. None if there is no method and target.
fn repair(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines =
        head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    // An empty line before the request is allowed (RFC 9112 2.2).
    let request = lines.by_ref().find(|line| !line.is_empty())?;
    let mut words: Vec<&[u8]> =
        request.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
    if words.last()?.starts_with(b"HTTP/") {
        words.pop();
    }
    let (method, target) = words.split_first()?;
    if target.is_empty() || !method.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let mut repaired = Vec::with_capacity(head.len() + 16);
    repaired.extend_from_slice(method);
    repaired.push(b' ');
    for (number, word) in target.iter().enumerate() {
        if number > 0 {
            repaired.extend_from_slice(b"%20");
        }
        for byte in *word {
            match byte {
                0x21..=0x7e if !b"\"<>\\^`{|}".contains(byte) => repaired.push(*byte),
                _ => repaired.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
    repaired.extend_from_slice(b" HTTP/1.1");
    for line in lines {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            repaired.push(b' ');
            repaired.extend(line.trim_ascii().iter().filter(|b| printable(**b)));
            continue;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if name.is_empty() || !name.iter().all(|b| token(*b)) {
            continue;
        }
        repaired.extend_from_slice(b"\r\n");
        repaired.extend_from_slice(name);
        repaired.extend_from_slice(b": ");
        repaired.extend(value[1..].trim_ascii().iter().filter(|b| printable(**b)));
    }
    repaired.extend_from_slice(b"\r\n\r\n");
    Some(repaired)
}

fn printable(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Characters of a header's name (RFC 9110 5.6.2).
fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A stream with bytes before it that were read already.
pub(super) struct Rewound<S> {
    before: Bytes,
    stream: S,
}

impl<S> Rewound<S> {
    pub(super) fn new(head: &Head, stream: S) -> Self {
        let mut before = BytesMut::with_capacity(head.repaired.len() + head.rest.len());
        before.extend_from_slice(&head.repaired);
        before.extend_from_slice(&head.rest);
        Self { before: before.freeze(), stream }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(head: &str) -> Option<String> {
        repair(head.as_bytes()).map(|head| String::from_utf8(head).unwrap())
    }

    #[test]
    fn two_spaces_before_the_version_are_one() {
        assert_eq!(
            repaired("POST /social/columbus/email?DUID=1  HTTP/1.0 \r\nx-osp-version:v1\r\n\r\n"),
            Some("POST /social/columbus/email?DUID=1 HTTP/1.1\r\nx-osp-version: v1\r\n\r\n".into())
        );
    }

    #[test]
    fn raw_spaces_and_bytes_in_a_target_are_encoded() {
        assert_eq!(
            repaired("PUT /upload/a b\u{e4}.jpg HTTP/1.1\n\n"),
            Some("PUT /upload/a%20b%C3%A4.jpg HTTP/1.1\r\n\r\n".into())
        );
    }

    #[test]
    fn folded_and_broken_header_lines_are_mended() {
        assert_eq!(
            repaired("GET / HTTP/1.1\r\nA : 1\r\n 2\r\nno colon\r\nB:\u{1}x\r\n\r\n"),
            Some("GET / HTTP/1.1\r\nA: 1 2\r\nB: x\r\n\r\n".into())
        );
    }

    #[test]
    fn a_request_without_version_is_its_line() {
        assert_eq!(end_of_head(b"GET /\r\n", 0), Some(7));
        assert_eq!(repaired("GET /\r\n"), Some("GET / HTTP/1.1\r\n\r\n".into()));
    }

    #[test]
    fn what_is_not_http_is_no_request() {
        assert_eq!(repaired("\r\n\r\n"), None);
        assert_eq!(repaired("hello\r\n\r\n"), None);
    }

    #[test]
    fn the_empty_line_is_found_across_reads() {
        let head = b"GET / HTTP/1.0\r\nHost: x\r\n\r\nbody";
        for cut in 1..head.len() - 4 {
            let first = end_of_head(&head[..cut], 0);
            let found = first.or_else(|| end_of_head(head, cut.saturating_sub(3)));
            assert_eq!(found, Some(head.len() - 4), "cut at {cut}");
        }
    }
}
