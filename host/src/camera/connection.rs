//! One connection: one request, the answer in one piece, then closed without
//! haste.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming as HttpBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Intake;
use super::capture::Captures;
use super::hotspot::Hotspot;
use super::places::Place;
use super::reply::{Refused, Reply};
use super::routes::{self, Routes};
use super::settings::Settings;
use super::state::State;
use super::unknown_requests::UnknownRequests;
use super::wire::{HeadError, Rewound, Watched, read_head};
use crate::spool::Sessions;

/// Read at once from a connection, and so the largest chunk of a body.
pub(crate) const READ: usize = 256 << 10;

/// How long a connection stays open after the answer while nothing comes, and
/// at most. Closing earlier, with bytes of the camera unread, makes the kernel
/// send a reset that can overtake the answer (`protocol.md` 1.4).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_IN_ALL: Duration = Duration::from_secs(30);

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

/// Serves the request of one connection.
pub(super) async fn connection<I: Intake>(
    stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    camera: &Camera<I>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let recording = camera.captures.as_ref().and_then(Captures::record);
    let received = place.received.clone();
    let source = Watched { stream, received, recording: recording.clone() };
    let result = tokio::select! {
        result = converse(source, peer, camera) => result,
        () = place.must_leave() => Ok(()),
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
    let codes = camera.routes.state.settings.error_codes;
    let head = match read_head(&mut source, camera.routes.state.settings.limits.head).await {
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
    let service = service_fn(|request: Request<HttpBody>| async move {
        let mut reports = routes::reports(&request);
        let line = format!("{} {}", request.method(), request.uri().path());
        let reply = camera.routes.answer(request, peer.ip()).await.unwrap_or_else(|refused| {
            match &refused {
                Refused::Unknown => reports.insert(0, format!("{line}: {refused}")),
                Refused::UnknownService(_) => reports.insert(0, refused.to_string()),
                refused => tracing::warn!(%peer, "request refused: {refused}"),
            }
            refused.reply(codes)
        });
        camera.unknown_requests.log(&reports, peer.ip(), original);
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
pub(crate) async fn linger<S>(mut source: Watched<S>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    source.stream.shutdown().await?;
    let drain = async {
        let mut surplus = vec![0; 16 << 10];
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER, source.read(&mut surplus)).await {}
    };
    let _ = tokio::time::timeout(LINGER_IN_ALL, drain).await;
    Ok(())
}

/// An answer without hyper, to what never was a request.
pub(super) fn bare(reply: Reply) -> Vec<u8> {
    let response: Response<String> = reply.into_response();
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        bytes.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    let body = response.body();
    bytes.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()));
    bytes.into_bytes()
}
