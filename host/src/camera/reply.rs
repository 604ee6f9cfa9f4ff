//! What cameras hear: fixed texts, byte by byte, never serialised XML, since
//! cameras search in them with `strstr` (`protocol.md` 0, 1.4). The one place
//! that maps an error to status, code and comment.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

use super::settings::ErrorCodes;

/// Body that ends an upload well (`protocol.md` 3.5, 3.6).
pub(super) const SUCCESS: &str = r#"<Response Status="succ" />"#;

/// An answer. Small enough to leave in one segment.
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Cow<'static, str>,
}

impl Reply {
    pub(super) fn ok(body: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn found(location: &'static str) -> Self {
        Self { status: StatusCode::FOUND, ..Self::ok("") }
            .with(LOCATION, HeaderValue::from_static(location))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn into_response(self) -> Response<String> {
        let mut response = Response::new(self.body.into_owned());
        *response.status_mut() = self.status;
        // Cameras accept it for XML too (protocol.md 1.4).
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, html);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Why an upload or a request is not accepted: what the camera hears, and for
/// the log what an operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The sender is not on the list.
    #[error("sender {0} is not in SENDERS; to let it in, add it there")]
    Sender(String),
    /// The request lacks something or has something wrong; a camera that is
    /// understood does not send such.
    #[error("{0}")]
    Malformed(String),
    /// No action is mapped to a recipient.
    #[error("no action for {0}; map it in [ACTIONS], for example {0:?} = \"store\"")]
    NoAction(String),
    /// The action says no.
    #[error("action {action} rejects it: {message}")]
    Rejected {
        /// Which one.
        action: String,
        /// Whether the sender is the reason.
        unauthorized: bool,
        /// What it says, at most 120 characters.
        message: String,
    },
    /// The action would deliver later, or is broken.
    #[error("action {action} failed: {reason}")]
    Failed {
        /// Which one.
        action: String,
        /// Why.
        reason: String,
    },
    /// The disk is full or fails.
    #[error("cannot be kept: {0}; check disk and folder of the spool")]
    Disk(String),
    /// Less space would stay free than the operator wants.
    #[error("less than MIN_FREE_SPACE would stay free; make room on the spool's disk")]
    Full,
    /// As many deliveries wait as the operator wants at most.
    #[error(
        "the queue holds {0} deliveries, MAX_QUEUE in the configuration; `afterimage queue list` \
         shows why they are not delivered"
    )]
    QueueFull(usize),
    /// A part of an e-mail that is neither its text nor a file.
    #[error(
        "part {0:?} of the e-mail is neither its text nor a file, and is not thrown away; please \
         report this camera"
    )]
    UnknownPart(String),
    /// A file in several requests.
    #[error("Content-Range {0:?}: parts of files are not put together; send the whole file")]
    Part(String),
    /// More bytes than the limit.
    #[error("over {0} bytes; MAX_UPLOAD in the configuration limits uploads")]
    TooLarge(u64),
    /// So slow that it is no camera.
    #[error("the body comes slower than any network of a camera")]
    TooSlow,
    /// The login makes no sense, or is none that can succeed.
    #[error("login failed: {0}")]
    Login(String),
    /// The user of the login is not on the list.
    #[error("login failed: user {0:?} is not in SENDERS; to let it in, add it there")]
    UnknownUser(String),
    /// The password is not the user's.
    #[error("login failed: wrong password of {0:?}")]
    WrongPassword(String),
    /// The password was not looked at.
    #[error(
        "login failed: too many wrong passwords came from this address, or too many logins at \
         once; it has to wait"
    )]
    TooManyLogins,
    /// The camera wants to log in on a page of the service, which is gone.
    #[error(
        "{0} wants a login by OAuth, whose pages are gone; choose another service, or try \
         OAUTH_SENDER = \"Camera@samsungcamera.com\""
    )]
    OAuth(String),
    /// There is no such session, or no more.
    #[error("the session has ended or never was; the camera should log in again")]
    Session,
    /// The session is fine, but this file was never announced in it.
    #[error("the file was not announced")]
    NotAnnounced,
    /// Nobody maps this service to an action.
    #[error("service {0:?} is not known; to serve it, map it in [ACTIONS]: {0} = \"store\"")]
    UnknownService(String),
    /// Cameras send videos to two services only.
    #[error("{0} takes no videos; facebook and youtube do")]
    NoVideos(String),
    /// The user may, but nobody knows what an NX300 wants to hear then.
    #[error("AllShare logins are not understood yet; e-mail and sharing work without them")]
    AllShare,
    /// One address has more connections open than a household of cameras.
    #[error("too many connections from one address; MAX_PER_ADDRESS limits them")]
    TooManyConnections,
    /// The request's head is larger than any camera's.
    #[error(
        "request head over {} KiB or {} lines",
        super::wire::LARGEST_HEAD >> 10,
        super::wire::FIELDS
    )]
    HeadTooLarge,
    /// A proxy says for whom it comes, and is not believed.
    #[error(
        "a PROXY header from an address that is not in TRUSTED_PROXIES; if it is your proxy's, \
         add it there"
    )]
    UnknownProxy,
    /// The request stopped in the middle.
    #[error("the camera's request ended or stalled before its end")]
    Incomplete,
    /// Nothing is served under this path.
    #[error("nothing is served here")]
    Unknown,
}

impl Refused {
    pub(super) fn malformed(what: &str) -> Self {
        Self::Malformed(what.to_owned())
    }

    pub(super) fn disk(error: impl std::fmt::Display) -> Self {
        Self::Disk(error.to_string())
    }

    /// The answer to the camera (`protocol.md` 3.1).
    pub(super) fn reply(&self, codes: ErrorCodes) -> Reply {
        let (status, comment) = match self {
            Self::Sender(_) => (StatusCode::UNAUTHORIZED, "Sender not in whitelist".into()),
            Self::Malformed(what) => (StatusCode::BAD_REQUEST, what.clone()),
            Self::NoAction(recipient) => {
                (StatusCode::BAD_REQUEST, format!("No action for {recipient}"))
            }
            Self::Rejected { unauthorized: true, message, .. } => {
                (StatusCode::UNAUTHORIZED, message.clone())
            }
            Self::Rejected { message, .. } => (StatusCode::BAD_REQUEST, message.clone()),
            Self::Failed { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "Delivery failed".into()),
            Self::Disk(_) => (StatusCode::INSUFFICIENT_STORAGE, "Storage failed".into()),
            Self::Full => (StatusCode::INSUFFICIENT_STORAGE, "Storage full".into()),
            Self::QueueFull(_) => (StatusCode::INSUFFICIENT_STORAGE, "Queue full".into()),
            Self::UnknownPart(_) => (StatusCode::BAD_REQUEST, "Unknown part".into()),
            Self::Part(_) => (StatusCode::RANGE_NOT_SATISFIABLE, "Send the whole file".into()),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Too large".into()),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "Too slow".into()),
            Self::Login(_) | Self::UnknownUser(_) | Self::WrongPassword(_) => {
                (StatusCode::UNAUTHORIZED, "Login failed".into())
            }
            Self::TooManyLogins => (StatusCode::UNAUTHORIZED, "Too many logins, wait".into()),
            Self::OAuth(_) => (StatusCode::UNAUTHORIZED, "OAuth not supported".into()),
            Self::Session => (StatusCode::UNAUTHORIZED, "Session expired".into()),
            Self::NotAnnounced => (StatusCode::NOT_FOUND, "Not announced".into()),
            Self::UnknownService(_) => (StatusCode::NOT_FOUND, "Unknown service".into()),
            Self::NoVideos(_) => (StatusCode::NOT_FOUND, "Videos not supported".into()),
            Self::AllShare => (StatusCode::NOT_IMPLEMENTED, "AllShare not supported".into()),
            Self::TooManyConnections => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too many connections".into())
            }
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request head too large".into())
            }
            Self::UnknownProxy => (StatusCode::BAD_REQUEST, "Unknown proxy".into()),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "Incomplete request".into()),
            Self::Unknown => (StatusCode::NOT_FOUND, "Unknown service".into()),
        };
        let (code, subcode) = match (codes, self) {
            (ErrorCodes::Gateway, Self::Login(_)) => (3111, 0),
            (ErrorCodes::Gateway, Self::UnknownUser(_)) => (3111, 31111),
            (ErrorCodes::Gateway, Self::WrongPassword(_) | Self::TooManyLogins) => (3111, 31112),
            _ => (status.as_u16(), 0),
        };
        let body = format!(
            "<Response ErrCode=\"{code}\" ErrSubCode=\"{subcode}\" /><!-- {} -->",
            comment_text(&comment)
        );
        Reply { status, ..Reply::ok(body) }
    }
}

/// `text` without what would end a comment or a line; at most 120 characters.
fn comment_text(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).take(120) {
        if c != '-' || !safe.ends_with('-') {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_xml_that_cameras_know() {
        let refused = Refused::Sender("x@example.org".to_owned());
        let response = refused.reply(ErrorCodes::Status).into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.body(),
            r#"<Response ErrCode="401" ErrSubCode="0" /><!-- Sender not in whitelist -->"#
        );
    }

    #[test]
    fn a_comment_cannot_be_ended_from_inside() {
        let text = comment_text(&format!("a-->\r\n<b ---{}", "x".repeat(500)));
        assert!(!text.contains("--") && !text.contains('>') && !text.contains('\n'), "{text}");
    }
}
