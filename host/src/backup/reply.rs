//! What cameras hear, in one piece: the one place that maps a refusal to a
//! status. Nobody knows what a camera makes of anything but 200, so nothing else
//! is ever said to get rid of one.

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::soap::{self, Fault};
use crate::camera;

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: String,
}

impl Reply {
    /// XML, or nothing but the word that it went well.
    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, body: body.into() }
    }

    /// An answer without words.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, body: String::new() }
    }

    pub(super) fn fault(fault: Fault) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, body: soap::fault(fault) }
    }

    pub(super) fn into_response(self, keeps: bool) -> Response<String> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=\"utf-8\""));
        let connection = if keeps { "keep-alive" } else { "close" };
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        response
    }

    /// An answer to what hyper does not take for a request.
    pub(super) fn bare(self) -> Vec<u8> {
        let Self { status, body } = self;
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// Why a request is refused, beside what all uploads are refused for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// Nothing is served under this path.
    #[error("nothing is served here")]
    Unknown,
    /// Nothing is done in this way.
    #[error("no camera is known to ask so")]
    Method,
    /// A page in somebody's browser asks.
    #[error("{0}, which no camera sends, but a page in a browser")]
    Browser(&'static str),
    /// The head is larger than any camera's.
    #[error("a request line over 8 KiB or over 100 header lines")]
    Head,
    /// A SOAP body over its limit.
    #[error("a call over {} KiB", soap::LARGEST >> 10)]
    Body,
    /// A SOAP body far over its limit.
    #[error("a call over 1 MiB")]
    NoCall,
    /// XML that does harm.
    #[error("{0}")]
    Xml(#[from] soap::Refused),
    /// An address that was never given, is another camera's, or is used up.
    #[error("nothing was announced for this address; the camera should announce the file again")]
    NotAnnounced,
    /// Other bytes than announced.
    #[error("{found} bytes instead of the {announced} that were announced")]
    Size {
        /// What the camera said first.
        announced: u64,
        /// What came.
        found: u64,
    },
    /// So many at once that it is no camera.
    #[error("more than {0} uploads of one camera at once")]
    TooMany(usize),
    /// As any upload.
    #[error("{0}")]
    Upload(#[from] camera::Refused),
}

impl Refused {
    /// The answer.
    pub(super) fn reply(&self) -> Reply {
        use camera::Refused as Upload;
        if matches!(self, Self::Body) {
            return Reply::fault(Fault::BadMetadata);
        }
        Reply::empty(match self {
            Self::Unknown | Self::NotAnnounced => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::NOT_IMPLEMENTED,
            Self::Browser(_) => StatusCode::FORBIDDEN,
            Self::Head => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Body | Self::NoCall => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Xml(_) | Self::Size { .. } => StatusCode::BAD_REQUEST,
            Self::TooMany(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upload(refused) => match refused {
                Upload::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Upload::TooSlow => StatusCode::REQUEST_TIMEOUT,
                Upload::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Upload::Full
                | Upload::QueueFull(_)
                | Upload::Disk(_)
                | Upload::Failed { .. }
                | Upload::TooManyConnections => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            },
        })
    }
}
