//! One connection of a camera: its requests one after the other, each head
//! repaired as those of other functions are, each answer in one piece. Closed
//! after the first, without haste, unless the camera asks to keep it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::body::{Body as _, Incoming as HttpBody};
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::peers::Peer;
use super::reply::{Refused, Reply};
use super::state::State;
use super::{Intake, content, routes};
use crate::camera::capture::Captures;
use crate::camera::connection::{READ, linger};
use crate::camera::places::Place;
use crate::camera::settings::Limits;
use crate::camera::wire::{HeadError, Rewound, Watched, read_head};

/// Header lines and length of the request line; no camera comes near.
const LINES: usize = 100;
const LONGEST_LINE: usize = 8 << 10;

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(60);

/// Serves a connection of `peer` until one of the two has had enough.
pub(super) async fn serve<I: Intake>(
    stream: TcpStream,
    peer: &Peer,
    place: &Place,
    state: &State<I>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let SocketAddr::V4(server) = stream.local_addr()? else { return Ok(()) };
    let source = Watched {
        stream: Arc::new(stream),
        received: place.received.clone(),
        recording: None,
        share: place.share(),
    };
    let mut source = Replayed { before: Bytes::new(), source };
    loop {
        let recording = state.captures.as_ref().and_then(Captures::record);
        if let Some(recording) = &recording {
            recording.lock().unwrap_or_else(PoisonError::into_inner).add(&source.before);
        }
        source.source.recording.clone_from(&recording);
        let served = one(source, peer, server, place, state).await;
        if let (Some(captures), Some(recording)) = (&state.captures, recording) {
            captures.keep(recording).await;
        }
        let Some(kept) = served? else { return Ok(()) };
        source = kept;
        if source.before.is_empty()
            && tokio::time::timeout(IDLE, source.source.stream.readable()).await.is_err()
        {
            return Ok(());
        }
    }
}

/// Serves one request; the connection, if it is kept.
async fn one<I: Intake>(
    mut source: Replayed,
    peer: &Peer,
    server: SocketAddrV4,
    place: &Place,
    state: &State<I>,
) -> io::Result<Option<Replayed>> {
    let limits = &state.settings.limits;
    let head = match read_head(&mut source, limits.head, false).await {
        Ok(head) => head,
        Err(HeadError::Nothing | HeadError::Tls) => return Ok(None),
        Err(HeadError::Io(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(camera = %peer.address, "request refused: {error}");
            let status = match error {
                HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            return refuse(source, Reply::empty(status), place, limits).await;
        }
    };
    if !is_plausible(&head.repaired) {
        tracing::warn!(camera = %peer.address, "request refused: {}", Refused::Head);
        return refuse(source, Refused::Head.reply(), place, limits).await;
    }
    let source = source.source;
    if let Some(recording) = &source.recording
        && brings_a_file(&head.repaired)
    {
        // The photo is nobody's business.
        let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
        recording.keep_only(head.original.len());
    }
    let keeps = Arc::new(AtomicBool::new(false));
    let original = head.original.clone();
    let begin = source.received.load(Ordering::Relaxed) - head.rest.len() as u64;
    let (rewound, surplus) = Rewound::new(&head, source.clone());
    let one = OneRequest { io: rewound, keeps: keeps.clone(), answered: false };
    let service = service_fn(|request: Request<HttpBody>| {
        let (keeps, original) = (keeps.clone(), original.clone());
        // Boxed, since the connection is polled by hand.
        Box::pin(async move {
            Ok::<_, Infallible>(answer(state, peer, server, &original, request, &keeps).await)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .half_close(true)
        .title_case_headers(true)
        .max_buf_size(READ)
        .serve_connection(TokioIo::new(one), service);
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let parts = connection.into_parts();
    if served.is_err() || !keeps.load(Ordering::Relaxed) {
        let came = source.received.load(Ordering::Relaxed) - begin;
        linger(source, head.outstanding(came), place, limits).await?;
        return Ok(None);
    }
    // What came of the next request already.
    let early = surplus.and_then(|surplus| surplus.take());
    Ok(Some(Replayed { before: early.unwrap_or(parts.read_buf), source }))
}

/// Whether the body of a request is a file.
fn brings_a_file(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    memchr::memmem::find(line, content::PATH.as_bytes()).is_some()
}

async fn answer<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    server: SocketAddrV4,
    head: &[u8],
    request: Request<HttpBody>,
    keeps: &AtomicBool,
) -> hyper::Response<String> {
    let asks_to_keep = request.headers().get_all(CONNECTION).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"keep-alive"))
    });
    let has_body = !request.body().is_end_stream();
    let line = format!("{} {}", request.method(), request.uri());
    let reply = routes::answer(state, peer, server, head, request).await;
    let (reply, is_fine) = match reply {
        Ok(reply) => (reply, true),
        Err(refused) => {
            match refused {
                Refused::Unknown | Refused::Method => {
                    let report = format!("{line}: {refused}");
                    state.unknown_requests.log(&[report], peer.address.into(), head);
                }
                _ => tracing::warn!(camera = %peer.address, "{line} refused: {refused}"),
            }
            (refused.reply(), false)
        }
    };
    // Of a body that was refused nobody knows where it ends.
    let keep = asks_to_keep && (is_fine || !has_body);
    keeps.store(keep, Ordering::Relaxed);
    reply.into_response(keep)
}

/// Whether a camera may have written this head.
fn is_plausible(head: &[u8]) -> bool {
    let line = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    // The request line and the empty line are no headers.
    let lines = head.iter().filter(|byte| **byte == b'\n').count().saturating_sub(2);
    line <= LONGEST_LINE && lines <= LINES
}

/// Answers what is no request; the connection is not kept.
async fn refuse<T>(
    replayed: Replayed,
    reply: Reply,
    place: &Place,
    limits: &Limits,
) -> io::Result<Option<T>> {
    let mut source = replayed.source;
    source.write_all(&reply.bare()).await?;
    linger(source, 0, place, limits).await?;
    Ok(None)
}

/// A connection of which something was read already.
struct Replayed {
    before: Bytes,
    source: Watched,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.source).poll_read(cx, buf);
        }
        let length = self.before.len().min(buf.remaining());
        buf.put_slice(&self.before[..length]);
        self.before.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// A connection that ends for its reader when the answer is written: hyper
/// would read the next head itself, unrepaired.
struct OneRequest {
    io: Rewound,
    keeps: Arc<AtomicBool>,
    answered: bool,
}

impl AsyncRead for OneRequest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answered && self.keeps.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for OneRequest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A word in between is no answer.
        self.answered |= !buf.starts_with(b"HTTP/1.1 100 ");
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_no_camera_writes_is_not_plausible() {
        let head = |line: usize, lines: usize| {
            let fields = "a: b\r\n".repeat(lines);
            format!("GET /{} HTTP/1.1\r\n{fields}\r\n", "x".repeat(line)).into_bytes()
        };
        assert!(is_plausible(&head(100, 100)));
        assert!(!is_plausible(&head(20_000, 1)) && !is_plausible(&head(1, 1_000)));
    }
}
