//! Requests through `wasi:http`. File bytes go from the host's disk into the
//! request without entering this component's memory.
//!
//! The host adds secrets to requests, does not follow redirects, and refuses
//! every origin that the operator did not allow.

mod multipart;

use std::ops::Range;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler;
pub use wasip2::http::types::Method;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::{Failure, File, RejectionReason, RetryAdvice, reject, retry};
pub use multipart::Multipart;

/// Bytes of an answer that are read.
const LARGEST: usize = 1 << 20;

/// The body of a request, in pieces that are sent one after the other.
#[derive(Debug, Default, Clone)]
pub struct Body(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Bytes(Vec<u8>),
    Zeros(u64),
    File { name: String, range: Range<u64> },
}

impl Body {
    /// With these bytes behind it.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push(Piece::Bytes(bytes.into()));
        self
    }

    /// With zeros behind it.
    #[must_use]
    pub fn zeros(mut self, length: u64) -> Self {
        self.0.push(Piece::Zeros(length));
        self
    }

    /// With a whole file behind it.
    #[must_use]
    pub fn file(self, file: &File) -> Self {
        self.file_range(file, 0..file.size)
    }

    /// With a part of a file behind it, in bytes from its beginning.
    #[must_use]
    pub fn file_range(mut self, file: &File, range: Range<u64>) -> Self {
        self.0.push(Piece::File { name: file.name.clone(), range });
        self
    }

    fn append(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn size(&self) -> u64 {
        let size = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Zeros(length) => *length,
            Piece::File { range, .. } => range.end.saturating_sub(range.start),
        };
        self.0.iter().map(size).sum()
    }
}

/// A request that is being made.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Body>,
}

impl Request {
    /// A request without headers and body; `url` has scheme and host.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let agent = concat!("Afterimage/", env!("CARGO_PKG_VERSION")).as_bytes().to_vec();
        let headers = vec![("user-agent".to_owned(), agent)];
        Self { method, url: url.into(), headers, body: None }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_lowercase(), value.into().into_bytes()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// With a value as JSON in its body.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).unwrap_or_default();
        self.header("content-type", "application/json").body(Body::default().bytes(json))
    }

    /// With a form in its body.
    #[must_use]
    pub fn multipart(self, form: Multipart) -> Self {
        let (content_type, body) = form.end();
        self.header("content-type", content_type).body(body)
    }

    /// Sends it and reads the answer, up to 1 MiB of its body.
    ///
    /// # Errors
    /// There is no answer; whatever status an answer has, it is one.
    pub fn send(self) -> Result<Response, NoResponse> {
        let wrong = |what: &'static str| move |()| NoResponse::before(what);
        let (scheme, rest) = match (self.url.split_once("://"), self.url.as_str()) {
            (Some(("http", rest)), _) => (Scheme::Http, rest),
            (Some(("https", rest)), _) => (Scheme::Https, rest),
            (_, url) => return Err(NoResponse::before(format!("{url} is no URL"))),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut headers = self.headers;
        if let Some(body) = &self.body {
            let length = body.size().to_string().into_bytes();
            headers.push(("content-length".to_owned(), length));
        }
        let headers = Fields::from_list(&headers)
            .map_err(|error| NoResponse::before(format!("a header is wrong: {error:?}")))?;
        let request = OutgoingRequest::new(headers);
        request.set_method(&self.method).map_err(wrong("the method is wrong"))?;
        request.set_scheme(Some(&scheme)).map_err(wrong("the URL is wrong"))?;
        request.set_authority(Some(authority)).map_err(wrong("the URL is wrong"))?;
        request.set_path_with_query(Some(path)).map_err(wrong("the URL is wrong"))?;
        let outgoing = match &self.body {
            Some(_) => Some(request.body().map_err(wrong("no body"))?),
            None => None,
        };
        let answer = outgoing_handler::handle(request, None)?;
        if let (Some(outgoing), Some(body)) = (outgoing, &self.body) {
            match write(&outgoing, body) {
                // What fails here shows in the answer.
                Ok(()) => drop(OutgoingBody::finish(outgoing, None)),
                // A server may have answered before it has read everything.
                Err(problem) if problem.may_have_acted => drop(outgoing),
                Err(problem) => return Err(problem),
            }
        }
        answer.subscribe().block();
        match answer.get() {
            Some(Ok(Ok(response))) => read(response),
            Some(Ok(Err(code))) => Err(code.into()),
            _ => Err(NoResponse { may_have_acted: true, why: "no answer".to_owned() }),
        }
    }
}

/// What a server answers.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body, up to 1 MiB of it.
    pub body: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Response {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body is a page for people: proxies, captive portals and
    /// login pages answer with one in the place of an API, with any status.
    pub fn is_page(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let start = self.body.trim_ascii_start();
        content_type.starts_with("text/html")
            || content_type.starts_with("application/xhtml")
            || ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| {
                start.get(..tag.len()).is_some_and(|s| s.eq_ignore_ascii_case(tag.as_bytes()))
            })
    }

    /// Seconds that the server wants us to wait before the next attempt:
    /// `Retry-After`, a number or a date (RFC 9110, 10.2.3).
    pub fn retry_after(&self) -> Option<u32> {
        let asked = self.header("retry-after")?.trim();
        match asked.parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => {
                let date = httpdate::parse_http_date(asked).ok()?;
                let left = date.duration_since(SystemTime::now()).unwrap_or_default();
                u32::try_from(left.as_secs() + 1).ok()
            }
        }
    }

    /// Itself, if it is a success and no page: a page with status 200 tells
    /// nothing of the server behind it. Where the server's answer is known, look
    /// for what only this answer can say before you call a file delivered.
    ///
    /// # Errors
    /// What may pass (408, 425, 429, 5xx, a page in the place of a success or of
    /// a refusal) is tried again, when `Retry-After` says if it does; the rest is
    /// a rejection with the server's first words.
    pub fn success(self) -> Result<Self, Failure> {
        if self.is_success() && !self.is_page() {
            return Ok(self);
        }
        let words = String::from_utf8_lossy(&self.body);
        let words: Vec<&str> = words.split_whitespace().take(20).collect();
        let words = words.join(" ").chars().take(100).collect::<String>();
        let said = format!("the server answers {}: {words}", self.status);
        Err(match self.status {
            200..=299 | 401 | 403 if self.is_page() => {
                let reason = format!("something before the server answers: {said}");
                Failure::Retry(RetryAdvice { after_seconds: self.retry_after(), reason })
            }
            408 | 425 | 429 | 500.. => {
                Failure::Retry(RetryAdvice { after_seconds: self.retry_after(), reason: said })
            }
            401 | 403 => reject(RejectionReason::Unauthorized, said),
            413 => reject(RejectionReason::TooLarge, said),
            _ => reject(RejectionReason::Other, said),
        })
    }

    /// The first value of a header, whose name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is no JSON, or not of this type.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

/// A request without an answer. As a [`Failure`] it is tried again.
#[derive(Debug)]
pub struct NoResponse {
    /// Whether the server may have acted on it all the same.
    pub may_have_acted: bool,
    /// Why, in words that follow the server's name: `its name is not found`.
    pub why: String,
}

impl NoResponse {
    fn before(why: impl Into<String>) -> Self {
        Self { may_have_acted: false, why: why.into() }
    }
}

impl From<NoResponse> for Failure {
    fn from(error: NoResponse) -> Self {
        retry(error.why)
    }
}

impl From<ErrorCode> for NoResponse {
    fn from(code: ErrorCode) -> Self {
        let (may_have_acted, why) = match code {
            ErrorCode::HttpRequestDenied => (false, "the host does not allow it; see its log"),
            ErrorCode::DestinationIpProhibited => {
                (false, "the server is in a private network; see the host's log")
            }
            ErrorCode::DnsError(_) | ErrorCode::DnsTimeout => (false, "its name is not found"),
            ErrorCode::ConnectionRefused => (false, "it does not take connections"),
            ErrorCode::ConnectionTimeout => (false, "no connection in time"),
            ErrorCode::TlsCertificateError => (false, "its certificate is wrong"),
            ErrorCode::TlsProtocolError => (false, "no TLS with it"),
            ErrorCode::HttpResponseTimeout => (true, "no answer in time"),
            ErrorCode::ConnectionReadTimeout => (true, "its answer does not end"),
            ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
                (true, "it ended the connection")
            }
            other => return Self { may_have_acted: true, why: format!("{other:?}") },
        };
        Self { may_have_acted, why: why.to_owned() }
    }
}

fn write(outgoing: &OutgoingBody, body: &Body) -> Result<(), NoResponse> {
    let stream = outgoing.write().map_err(|()| NoResponse::before("no body"))?;
    body.0.iter().try_for_each(|piece| match piece {
        Piece::Bytes(bytes) => write_bytes(&stream, bytes),
        Piece::Zeros(length) => write_zeros(&stream, *length),
        Piece::File { name, range } => splice(&stream, name, range),
    })
}

fn write_bytes(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), NoResponse> {
    while !bytes.is_empty() {
        let room = stream.check_write().map_err(cut)?;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        stream.write(&bytes[..length]).map_err(cut)?;
        bytes = &bytes[length..];
    }
    Ok(())
}

fn write_zeros(stream: &OutputStream, mut length: u64) -> Result<(), NoResponse> {
    const ZEROS: [u8; 4 << 10] = [0; 4 << 10];
    while length > 0 {
        let some = usize::try_from(length).unwrap_or(usize::MAX).min(ZEROS.len());
        write_bytes(stream, &ZEROS[..some])?;
        length -= some as u64;
    }
    Ok(())
}

fn splice(stream: &OutputStream, name: &str, range: &Range<u64>) -> Result<(), NoResponse> {
    if range.is_empty() {
        return Ok(());
    }
    let file =
        open(name, range.start).map_err(|error| NoResponse::before(format!("{name}: {error}")))?;
    let mut left = range.end - range.start;
    while left > 0 {
        // "Closed" is both the end of the file and of the connection.
        match stream.blocking_splice(&file, left) {
            Ok(moved) => left -= moved.min(left),
            Err(error) => return Err(cut(error)),
        }
    }
    Ok(())
}

fn open(name: &str, from: u64) -> Result<InputStream, String> {
    let (folder, _) = preopens::get_directories()
        .into_iter()
        .find(|(_, path)| path == "/upload")
        .ok_or("there is no /upload")?;
    let file = folder
        .open_at(PathFlags::empty(), name, OpenFlags::empty(), DescriptorFlags::READ)
        .map_err(|error| format!("it cannot be opened: {error:?}"))?;
    file.read_via_stream(from).map_err(|error| format!("it cannot be read: {error:?}"))
}

fn cut(_: StreamError) -> NoResponse {
    NoResponse { may_have_acted: true, why: "it ended the connection".to_owned() }
}

fn read(response: IncomingResponse) -> Result<Response, NoResponse> {
    let (status, headers) = (response.status(), response.headers().entries());
    let mut bytes = Vec::new();
    let no_body = |()| NoResponse { may_have_acted: true, why: "no answer".to_owned() };
    let body = response.consume().map_err(no_body)?;
    let stream = body.stream().map_err(no_body)?;
    while bytes.len() < LARGEST {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => {
                let why = "its answer does not end".to_owned();
                return Err(NoResponse { may_have_acted: true, why });
            }
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(Response { status, body: bytes, headers })
}
