//! One connection: one request, the answer in one piece, then closed without
//! haste.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming as HttpBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Intake;
use super::capture::Captures;
use super::hotspot::Hotspot;
use super::places::Place;
use super::reply::{Refused, Reply};
use super::routes::{self, Routes};
use super::settings::{Limits, Settings};
use super::state::{Caller, State};
use super::unknown_requests::UnknownRequests;
use super::wire::{self, FIELDS, HeadError, Rewound, Watched, read_head};
use crate::spool::Sessions;

/// Read at once from a connection, and so the largest chunk of a body.
pub(crate) const READ: usize = 256 << 10;

/// How long a connection stays open after the answer while nothing comes, and
/// at most. Closing earlier, with bytes of the camera unread, makes the kernel
/// send a reset that can overtake the answer (`protocol.md` 1.4).
pub(super) const LINGER: Duration = Duration::from_secs(2);
const LINGER_IN_ALL: Duration = Duration::from_secs(30);

/// A connection that is refused anyway may say for so long what it wants; then
/// its camera hears the answer when it listens for one.
const UNWELCOME: Duration = Duration::from_millis(300);

/// The camera side of the server.
pub struct Camera<I> {
    pub(super) routes: Routes<I>,
    unknown_requests: UnknownRequests,
    captures: Option<Captures>,
}

impl<I: Intake> Camera<I> {
    /// A camera side that hands uploads to `intake`.
    ///
    /// # Errors
    /// The folder of raw requests cannot be made.
    pub fn new(settings: Settings, sessions: Arc<dyn Sessions>, intake: I) -> io::Result<Self> {
        let captures = settings.capture_folder.as_deref().map(Captures::new).transpose()?;
        let hotspot = Hotspot::new(settings.hotspot.clone());
        let routes = Routes { state: State::new(settings, sessions, intake), hotspot };
        Ok(Self { routes, unknown_requests: UnknownRequests::new(), captures })
    }
}

/// Whoever has connected.
pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// Whether it is believed when it says for whom it comes.
    pub(super) is_proxy: bool,
    /// Whether it may ask at all.
    pub(super) is_welcome: bool,
}

/// Serves the request of one connection.
pub(super) async fn connection<I: Intake>(
    visitor: Visitor,
    place: &Place,
    camera: &Camera<I>,
) -> io::Result<()> {
    let Visitor { stream, peer, is_proxy, is_welcome } = visitor;
    stream.set_nodelay(true)?;
    let recording = camera.captures.as_ref().and_then(Captures::record);
    let source = Watched {
        stream: Arc::new(stream),
        received: place.received.clone(),
        recording: recording.clone(),
        share: place.share(),
    };
    let result = tokio::select! {
        result = converse(source, peer, is_proxy, is_welcome, place, camera) => result,
        () = place.must_leave() => Ok(()),
    };
    if let (Some(captures), Some(recording)) = (&camera.captures, recording) {
        captures.keep(recording).await;
    }
    result
}

async fn converse<I: Intake>(
    mut source: Watched,
    peer: SocketAddr,
    is_proxy: bool,
    is_welcome: bool,
    place: &Place,
    camera: &Camera<I>,
) -> io::Result<()> {
    let settings = &camera.routes.state.settings;
    let codes = settings.error_codes;
    let refused = Refused::TooManyConnections;
    let deadline = if is_welcome { settings.limits.head } else { UNWELCOME };
    let head = match read_head(&mut source, deadline, is_proxy).await {
        Ok(head) => head,
        Err(error) => {
            let refused = match error {
                HeadError::Nothing => return Ok(()),
                HeadError::Io(error) => return Err(error),
                HeadError::Tls => {
                    tracing::warn!(%peer, "{error}");
                    return Ok(());
                }
                _ if !is_welcome => refused,
                HeadError::TooLarge => Refused::HeadTooLarge,
                HeadError::Incomplete => Refused::Incomplete,
                HeadError::NotHttp => Refused::Malformed("No HTTP request".to_owned()),
                HeadError::Proxy => Refused::UnknownProxy,
                HeadError::Unclear(unclear) => Refused::Malformed(unclear.to_string()),
            };
            if is_welcome {
                tracing::warn!(%peer, "request refused: {refused}");
            }
            source.write_all(&bare(refused.reply(codes))).await?;
            return linger(source, 0, place, &settings.limits).await;
        }
    };
    let peer = wire::client(&head, peer, &settings.trusted_proxies);
    let peer = Peer(peer);
    if !is_welcome || (is_proxy && !place.count(peer.0.ip())) {
        source.write_all(&bare(refused.reply(codes))).await?;
        let outstanding = head.outstanding(head.rest.len() as u64);
        return linger(source, outstanding, place, &settings.limits).await;
    }
    let caller = &Caller { address: peer.0.ip(), share: place.share() };
    let begin = source.received.load(Ordering::Relaxed) - head.rest.len() as u64;
    let named = &peer;
    let (rewound, surplus) = Rewound::new(&head, source.clone());
    let original = &head.original;
    let service = service_fn(|mut request: Request<HttpBody>| {
        if let Some(surplus) = surplus.clone() {
            request.extensions_mut().insert(surplus);
        }
        async move {
            let mut reports = routes::reports(&request);
            let line = format!("{} {}", request.method(), request.uri().path());
            let reply = camera.routes.answer(request, caller).await.unwrap_or_else(|refused| {
                match &refused {
                    Refused::Unknown => reports.insert(0, format!("{line}: {refused}")),
                    Refused::UnknownService(_) => reports.insert(0, refused.to_string()),
                    refused => tracing::warn!(peer = %named, "request refused: {refused}"),
                }
                refused.reply(codes)
            });
            camera.unknown_requests.log(&reports, caller.address, original);
            Ok::<_, Infallible>(reply.into_response())
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .half_close(true)
        .title_case_headers(true)
        .max_headers(FIELDS)
        .max_buf_size(READ)
        .serve_connection(TokioIo::new(rewound), service)
        .without_shutdown()
        .await
        .map_err(io::Error::other)?;
    let came = source.received.load(Ordering::Relaxed) - begin;
    let outstanding = head.outstanding(came);
    linger(source, outstanding, place, &settings.limits).await
}

/// Ends our side and waits for the camera to end its own: before that as long
/// as it sends what it announced, and no slower than cameras do. Most of them
/// hear an answer only when they have sent everything.
pub(crate) async fn linger(
    mut source: Watched,
    outstanding: u64,
    place: &Place,
    limits: &Limits,
) -> io::Result<()> {
    place.answered();
    source.end()?;
    let mut unwanted = vec![0; 4 << 10];
    let begun = Instant::now();
    let mut came = 0;
    while came < outstanding && !limits.is_too_slow(came, begun.elapsed()) {
        match tokio::time::timeout(limits.silence, source.read(&mut unwanted)).await {
            Ok(Ok(length @ 1..)) => came += length as u64,
            _ => return Ok(()),
        }
    }
    let drain = async {
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER, source.read(&mut unwanted)).await {}
    };
    let _ = tokio::time::timeout(LINGER_IN_ALL, drain).await;
    Ok(())
}

/// Whose request it is, for the log. A proxy may not tell the port.
struct Peer(SocketAddr);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.port() {
            0 => self.0.ip().fmt(f),
            _ => self.0.fmt(f),
        }
    }
}

/// An answer without hyper, to what never was a request.
fn bare(reply: Reply) -> Vec<u8> {
    let response: Response<String> = reply.into_response();
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        bytes.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    let body = response.body();
    bytes.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()));
    bytes.into_bytes()
}
