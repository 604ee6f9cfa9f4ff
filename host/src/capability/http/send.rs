//! Sends one admitted request: no redirects, no proxies, no cookies, nothing
//! decompressed, every wait bounded.

use std::error::Error as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyDataStream, BodyExt, StreamBody};
use hyper::body::Body as _;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::address::{Prohibited, Resolver, Unresolved};
use super::echo::{EchoScan, Echoed};
use crate::capability::offline::Offline;

/// Longest wait for a connection, name resolution and TLS included.
const CONNECT: Duration = Duration::from_secs(20);
/// Longest wait without a byte sent or received before the answer begins:
/// servers resize a picture before they answer.
const FIRST_BYTE: Duration = Duration::from_secs(60);
/// Longest wait between two pieces of the answer.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// Bytes of one answer.
pub(super) const LARGEST: u64 = 16 << 20;
/// Time left of a call when a wait ends, so that the guest can still say why.
const MARGIN: Duration = Duration::from_millis(500);

/// A client that makes a new connection for each request.
/// `private` is whether machines of private networks may be reached.
///
/// # Errors
/// This machine has no certificates to check servers with.
pub(crate) fn client(private: bool) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        // For requests that bring none: some servers (GoToSocial) take no
        // request without one.
        .user_agent(concat!("Afterimage/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        // A connection that the server is about to close (snac2 closes each and
        // does not say so) would swallow a request that must not be repeated.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .dns_resolver(Resolver { private })
        .build()
        .map_err(|error| chain(&error))
}

/// TLS as the machine's administrator set it up; certificates are read once.
fn tls() -> Result<rustls::ClientConfig, String> {
    static TLS: OnceLock<Result<rustls::ClientConfig, String>> = OnceLock::new();
    TLS.get_or_init(|| {
        // The first provider stays; another part may have been quicker.
        let _ = rustls::crypto::ring::default_provider().install_default();
        rustls::ClientConfig::with_platform_verifier().map_err(|error| {
            format!("no certificates to check servers with ({error}); install ca-certificates")
        })
    })
    .clone()
}

/// Sends `request` to `url`. `secret` must not come back.
pub(super) async fn send(
    client: reqwest::Client,
    url: url::Url,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
    secret: Option<Bytes>,
    deadline: Instant,
    offline: &Offline,
) -> Result<Response<WasiBody>, Failed> {
    let wish = |wish: fn(&RequestOptions) -> Option<Duration>, most: Duration| {
        options.as_ref().and_then(wish).map_or(most, |wished| wished.min(most))
    };
    let first_byte = wish(|options| options.first_byte_timeout, FIRST_BYTE);
    let between_bytes = wish(|options| options.between_bytes_timeout, BETWEEN_BYTES);
    let deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);

    let (parts, body) = request.into_parts();
    let sent = Arc::new(Mutex::new(Instant::now()));
    let mut outgoing = client.request(parts.method, url).headers(parts.headers);
    if !body.is_end_stream() {
        let sent = sent.clone();
        let body = BodyDataStream::new(body).map(move |piece| {
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            piece.map_err(|error| std::io::Error::other(format!("{error:?}")))
        });
        outgoing = outgoing.body(reqwest::Body::wrap_stream(body));
    }
    let silence = async {
        loop {
            let due = *sent.lock().unwrap_or_else(PoisonError::into_inner) + first_byte;
            if Instant::now() >= due {
                break;
            }
            tokio::time::sleep_until(due.min(deadline)).await;
            if Instant::now() >= deadline {
                break;
            }
        }
    };
    let response = tokio::select! {
        response = outgoing.send() => response
            .inspect_err(|error| offline.look_at(error))
            .map_err(|error| Failed::from(error.without_url()))?,
        () = silence => {
            return Err(Failed { error: Error::HttpResponseTimeout, why: "no answer in time".to_owned(), prohibited: None });
        }
    };
    if let Some(secret) = &secret {
        // Nothing can be looked for in compressed bytes.
        let encodings = response.headers().get_all(header::CONTENT_ENCODING);
        if encodings.iter().any(|encoding| encoding != "identity") {
            return Err(Failed::unreadable());
        }
        let repeats = |value: &http::HeaderValue| {
            !secret.is_empty() && memchr::memmem::find(value.as_bytes(), secret).is_some()
        };
        if response.headers().values().any(repeats) {
            return Err(Failed::echoed());
        }
    }
    let mut answer = Response::new(());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    let body = Incoming {
        response,
        scan: secret.map(EchoScan::new),
        left: LARGEST,
        between_bytes,
        deadline,
        ended: false,
    };
    let body = stream::unfold(body, async |mut body| {
        let piece = body.next().await?;
        body.ended |= piece.is_err();
        Some((piece.map(Frame::data), body))
    });
    Ok(answer.map(|()| StreamBody::new(body).boxed_unsync()))
}

/// The body of an answer, checked piece by piece.
struct Incoming {
    response: reqwest::Response,
    scan: Option<EchoScan>,
    left: u64,
    between_bytes: Duration,
    deadline: Instant,
    ended: bool,
}

impl Incoming {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.ended {
            return None;
        }
        loop {
            let due = (Instant::now() + self.between_bytes).min(self.deadline);
            let piece = match tokio::time::timeout_at(due, self.response.chunk()).await {
                Err(_) => return Some(Err(Error::ConnectionReadTimeout)),
                Ok(Err(_)) => return Some(Err(Error::HttpResponseIncomplete)),
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => {
                    self.ended = true;
                    let rest = self.scan.as_mut().map(EchoScan::rest);
                    return rest.filter(|rest| !rest.is_empty()).map(Ok);
                }
            };
            match self.left.checked_sub(piece.len() as u64) {
                Some(left) => self.left = left,
                None => return Some(Err(Error::HttpResponseBodySize(Some(LARGEST)))),
            }
            let passed = match &mut self.scan {
                None => piece,
                Some(scan) => match scan.pass(piece) {
                    Ok(passed) => passed,
                    Err(Echoed) => return Some(Err(Error::HttpRequestDenied)),
                },
            };
            // WASI takes a row of empty pieces for a broken stream.
            if !passed.is_empty() {
                return Some(Ok(passed));
            }
        }
    }
}

/// A request without an answer: what the guest hears, what the operator reads.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) why: String,
    /// The address that was refused, if that is the reason.
    pub(super) prohibited: Option<Prohibited>,
}

impl Failed {
    fn unreadable() -> Self {
        let why = "the answer to a request with a secret is compressed, though it was asked not \
                   to be, so that the secret cannot be looked for in it";
        Self { error: Error::HttpRequestDenied, why: why.to_owned(), prohibited: None }
    }

    fn echoed() -> Self {
        let why = "the server repeats the secret it was sent".to_owned();
        Self { error: Error::HttpRequestDenied, why, prohibited: None }
    }
}

impl From<Prohibited> for Failed {
    fn from(refused: Prohibited) -> Self {
        let why = refused.to_string();
        Self { error: Error::DestinationIpProhibited, why, prohibited: Some(refused) }
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        let why = chain(&error);
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(refused) = cause.downcast_ref::<Prohibited>() {
                let prohibited = Some(refused.clone());
                return Self { error: Error::DestinationIpProhibited, why, prohibited };
            }
            if cause.is::<Unresolved>() {
                let error = Error::DnsError { rcode: None, info_code: None };
                return Self { error, why, prohibited: None };
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                let error = match tls {
                    rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                    _ => Error::TlsProtocolError,
                };
                return Self { error, why, prohibited: None };
            }
            // An I/O error passes over the error that it wraps.
            let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
            next = wrapped.map(|wrapped| wrapped as _).or_else(|| cause.source());
        }
        let error = match () {
            () if error.is_timeout() => Error::ConnectionTimeout,
            () if error.is_connect() => Error::ConnectionRefused,
            () => Error::ConnectionTerminated,
        };
        Self { error, why, prohibited: None }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
