//! Connections from cameras: one request each, the answer in one piece, then
//! closed without haste.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming as Body;
use hyper::header::HOST;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::capture::Captures;
use super::hotspot::Hotspot;
use super::reply::{Refused, Reply};
use super::settings::Settings;
use super::sightings::{Sightings, is_known_host};
use super::visitors::{Visit, Visitors};
use super::wire::{HeadError, Rewound, Watched, read_head};
use super::{Intake, email, osp, page, social};
use crate::spool::Sessions;

/// Read at once from a connection, and so the largest chunk of a body.
const READ: usize = 256 << 10;

/// How long a connection stays open after the answer while nothing comes, and
/// at most. Closing earlier, with bytes of the camera unread, makes the kernel
/// send a reset that can overtake the answer (`protocol.md` 1.4).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_IN_ALL: Duration = Duration::from_secs(30);

/// Asked for by an ST1000.
const PROVIDERS: &str = "/social/columbus/serviceproviders/list";

/// The camera side of the server.
pub struct Camera<I> {
    pub(super) intake: I,
    pub(super) settings: Settings,
    pub(super) sessions: Sessions,
    /// A turn to verify a password.
    pub(super) verifying: Semaphore,
    pub(super) oauth: social::oauth::Logins,
    hotspot: Hotspot,
    sightings: Sightings,
    captures: Option<Captures>,
}

impl<I: Intake> Camera<I> {
    /// A camera side that hands uploads to `intake`.
    ///
    /// # Errors
    /// The folder of raw requests cannot be made.
    pub fn new(settings: Settings, sessions: Sessions, intake: I) -> io::Result<Self> {
        let captures = settings.capture_folder.as_deref().map(Captures::new).transpose()?;
        let hotspot = Hotspot::new(settings.hotspot.clone());
        let verifying = Semaphore::new(1);
        let sightings = Sightings::new();
        let oauth = social::oauth::Logins::default();
        Ok(Self { intake, settings, sessions, verifying, oauth, hotspot, sightings, captures })
    }
}

/// Serves `listener` until `stop` says so, and then ends the requests that
/// have come.
pub async fn serve<I: Intake>(
    listener: TcpListener,
    camera: Arc<Camera<I>>,
    mut stop: watch::Receiver<bool>,
) {
    let most = camera.settings.limits.connections;
    let places = Arc::new(Semaphore::new(most));
    let visitors = Visitors::new(most);
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(visit) = visitors.visit(peer.ip()) else {
                    // Without a task, so that it costs nothing.
                    let codes = camera.settings.error_codes;
                    let _ = stream.try_write(&bare(Refused::TooManyConnections.reply(codes)));
                    continue;
                };
                // At once, or as soon as the one that gives way has gone.
                let place =
                    places.clone().acquire_owned().await.expect("the semaphore is never closed");
                let camera = camera.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, peer, &visit, &camera).await {
                        tracing::debug!(%peer, "connection: {error}");
                    }
                    drop((visit, place));
                });
            }
            Err(error) => {
                // Out of descriptors, mostly; they come back.
                tracing::error!("cannot accept connections: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    // All places are free again when the last connection has ended.
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _ = places.acquire_many(all).await;
}

async fn connection<I: Intake>(
    stream: TcpStream,
    peer: SocketAddr,
    visit: &Visit,
    camera: &Camera<I>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let recording = camera.captures.as_ref().and_then(Captures::record);
    let received = visit.received.clone();
    let source = Watched { stream, received, recording: recording.clone() };
    let result = tokio::select! {
        result = converse(source, peer, camera) => result,
        () = visit.must_leave() => Ok(()),
    };
    if let (Some(captures), Some(recording)) = (&camera.captures, recording) {
        captures.keep(recording).await;
    }
    result
}

async fn converse<I: Intake>(
    mut source: Watched<TcpStream>,
    peer: SocketAddr,
    camera: &Camera<I>,
) -> io::Result<()> {
    let codes = camera.settings.error_codes;
    let head = match read_head(&mut source, camera.settings.limits.head).await {
        Ok(head) => head,
        Err(error) => {
            let refused = match error {
                HeadError::Nothing => return Ok(()),
                HeadError::Io(error) => return Err(error),
                HeadError::Tls => {
                    tracing::warn!(%peer, "{error}");
                    return Ok(());
                }
                HeadError::TooLarge => Refused::HeadTooLarge,
                HeadError::Incomplete => Refused::Incomplete,
                HeadError::NotHttp => Refused::Malformed("No HTTP request".to_owned()),
            };
            tracing::warn!(%peer, "request refused: {refused}");
            source.stream.write_all(&bare(refused.reply(codes))).await?;
            return linger(source).await;
        }
    };
    let io = TokioIo::new(Rewound::new(&head, source));
    let original = &head.original;
    let service = service_fn(|request: Request<Body>| async move {
        let mut sights = unknown(&request);
        let line = format!("{} {}", request.method(), request.uri().path());
        let reply = camera.answer(request, peer.ip()).await.unwrap_or_else(|refused| {
            match &refused {
                Refused::Unknown => sights.insert(0, format!("{line}: {refused}")),
                Refused::UnknownService(_) => sights.insert(0, refused.to_string()),
                refused => tracing::warn!(%peer, "request refused: {refused}"),
            }
            refused.reply(codes)
        });
        camera.sightings.log(&sights, peer, original);
        Ok::<_, Infallible>(reply.into_response())
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .half_close(true)
        .title_case_headers(true)
        .max_buf_size(READ)
        .serve_connection(io, service)
        .without_shutdown()
        .await
        .map_err(io::Error::other)?;
    linger(served.io.into_inner().into_inner()).await
}

/// Ends our side and waits for the camera to end its own.
async fn linger(mut source: Watched<TcpStream>) -> io::Result<()> {
    source.stream.shutdown().await?;
    let drain = async {
        let mut surplus = vec![0; 16 << 10];
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER, source.read(&mut surplus)).await {}
    };
    let _ = tokio::time::timeout(LINGER_IN_ALL, drain).await;
    Ok(())
}

impl<I: Intake> Camera<I> {
    async fn answer(&self, request: Request<Body>, camera: IpAddr) -> Result<Reply, Refused> {
        let path = merge_slashes(request.uri().path());
        match (request.method(), path.as_str()) {
            (&Method::GET | &Method::HEAD, "/") => {
                let checked = self.hotspot.answer(&host(&request), camera);
                Ok(checked.unwrap_or_else(|| page::answer(&request)))
            }
            (&Method::GET, "/oauth") => Ok(social::oauth::page(self, &request)),
            (&Method::POST, "/social/columbus/email") => {
                email::receive(self, request).await?;
                Ok(Reply::ok(super::reply::SUCCESS))
            }
            (&Method::GET, "/social/columbus/email") => Ok(Reply::found("/")),
            (&Method::GET, "/security/sso/initialize/time") => Ok(osp::time()),
            (&Method::GET, PROVIDERS) => Ok(osp::providers()),
            (&Method::POST, "/security/sso/userprofiles/authentication/emailid") => {
                osp::allshare(self, request.into_body()).await
            }
            _ => social::answer(self, &path, request).await,
        }
    }
}

/// What about a request, however it is answered, is worth a report.
fn unknown(request: &Request<Body>) -> Vec<String> {
    let mut sights = Vec::new();
    if request.uri().path() == PROVIDERS {
        sights.push("an ST1000 asks for its services; nobody knows the answer yet".to_owned());
    }
    let host = host(request);
    if !is_known_host(&host) {
        sights.push(format!("no camera is known to ask {host}"));
    }
    sights
}

/// The host asked for, without port; that of an absolute target wins
/// (`protocol.md` 2, D2).
fn host(request: &Request<Body>) -> String {
    let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or_else(header);
    let host = host.unwrap_or_default();
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host)
        .to_owned()
}

/// Never answered by a redirect, which no camera follows (`protocol.md` 2, D17).
fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
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
