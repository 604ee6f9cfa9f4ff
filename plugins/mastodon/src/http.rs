//! Requests through `wasi:http`. File bytes go from the host's disk into the
//! request without entering this component's memory.

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::location::Patch;

/// Bytes of an answer that are read; the API's are far smaller.
const LARGEST: usize = 1 << 20;

/// A server: scheme and authority.
pub struct Server {
    scheme: Scheme,
    authority: String,
}

impl Server {
    /// The server at `base_url`, which the host has normalised.
    pub fn new(base_url: &str) -> Self {
        let (scheme, authority) = match base_url.strip_prefix("http://") {
            Some(authority) => (Scheme::Http, authority),
            None => (Scheme::Https, base_url.strip_prefix("https://").unwrap_or(base_url)),
        };
        Self { scheme, authority: authority.trim_end_matches('/').to_owned() }
    }
}

/// A piece of a request's body.
pub enum Part<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The file of this name in `/upload`, with these changes.
    File { name: &'a str, size: u64, patches: &'a [Patch] },
}

impl Part<'_> {
    fn size(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File { size, .. } => *size,
        }
    }
}

/// What a server answers.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Answer {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.to_lowercase() == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// A request without an answer.
pub struct NoAnswer {
    /// Whether the server may have acted on it all the same.
    pub may_have_acted: bool,
    /// Why.
    pub why: String,
}

impl NoAnswer {
    fn before(why: impl Into<String>) -> Self {
        Self { may_have_acted: false, why: why.into() }
    }
}

impl From<ErrorCode> for NoAnswer {
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

/// Sends a request and reads the answer.
pub fn send(
    server: &Server,
    method: &Method,
    path: &str,
    headers: &[(&str, String)],
    body: &[Part<'_>],
) -> Result<Answer, NoAnswer> {
    let mut fields: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
        .collect();
    fields.push(("accept".to_owned(), b"application/json".to_vec()));
    fields
        .push(("user-agent".to_owned(), concat!("Afterimage/", env!("CARGO_PKG_VERSION")).into()));
    if !body.is_empty() {
        let length: u64 = body.iter().map(Part::size).sum();
        fields.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&fields)
        .map_err(|error| NoAnswer::before(format!("a header is wrong: {error:?}")))?;
    let request = OutgoingRequest::new(fields);
    let wrong = |()| NoAnswer::before("the request is wrong");
    request.set_method(method).map_err(wrong)?;
    request.set_scheme(Some(&server.scheme)).map_err(wrong)?;
    request.set_authority(Some(&server.authority)).map_err(wrong)?;
    request.set_path_with_query(Some(path)).map_err(wrong)?;
    let outgoing = match body.is_empty() {
        true => None,
        false => Some(request.body().map_err(wrong)?),
    };
    let answer = outgoing_handler::handle(request, None)?;
    if let Some(outgoing) = outgoing {
        let written = outgoing
            .write()
            .map_err(wrong)
            .and_then(|stream| body.iter().try_for_each(|part| write(&stream, part)));
        match written {
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
        _ => Err(NoAnswer { may_have_acted: true, why: "no answer".to_owned() }),
    }
}

fn write(stream: &OutputStream, part: &Part<'_>) -> Result<(), NoAnswer> {
    match part {
        Part::Bytes(bytes) => write_bytes(stream, bytes),
        Part::File { name, size, patches } => {
            let mut position = 0;
            for patch in *patches {
                splice(stream, name, position, patch.offset)?;
                write_bytes(stream, &patch.bytes)?;
                position = patch.end();
            }
            splice(stream, name, position, *size)
        }
    }
}

fn write_bytes(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), NoAnswer> {
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

/// Moves the bytes `from..to` of a file into the stream.
fn splice(stream: &OutputStream, name: &str, from: u64, to: u64) -> Result<(), NoAnswer> {
    if from >= to {
        return Ok(());
    }
    let file = open(name, from).map_err(|error| NoAnswer::before(format!("{name}: {error}")))?;
    let mut left = to - from;
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
    let flags = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
    let file = folder
        .open_at(flags.0, name, flags.1, flags.2)
        .map_err(|error| format!("it cannot be opened: {error:?}"))?;
    file.read_via_stream(from).map_err(|error| format!("it cannot be read: {error:?}"))
}

fn cut(_: StreamError) -> NoAnswer {
    NoAnswer { may_have_acted: true, why: "it ended the connection".to_owned() }
}

fn read(response: IncomingResponse) -> Result<Answer, NoAnswer> {
    let (status, headers) = (response.status(), response.headers().entries());
    let mut bytes = Vec::new();
    let body = response.consume().map_err(|()| NoAnswer::before("no body"))?;
    let stream = body.stream().map_err(|()| NoAnswer::before("no body"))?;
    while bytes.len() < LARGEST {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => {
                let why = "its answer does not end".to_owned();
                return Err(NoAnswer { may_have_acted: true, why });
            }
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(Answer { status, body: bytes, headers })
}
