//! Answers to browsers, each with the headers that keep a page what it is.

use std::io;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{
    self, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
};
use hyper::{Response, StatusCode};
use maud::Markup;

/// Bytes on their way to a browser.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub type Reply = Response<Body>;

/// Everything from here, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// A stranger's file is shown, never run.
const FILE_POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; \
     style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// All of `bytes`.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn secured(mut reply: Reply, policy: &'static str) -> Reply {
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secured(reply, POLICY)
}

/// A page.
pub fn page(status: StatusCode, markup: Markup) -> Reply {
    typed(status, "text/html; charset=utf-8", full(markup.into_string()))
}

/// A line of text.
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    typed(status, "text/plain; charset=utf-8", full(text))
}

/// Something that is not a page, made here.
pub fn made(content_type: &'static str, body: Body) -> Reply {
    typed(StatusCode::OK, content_type, body)
}

/// One of the program's own files. Its address changes with its content.
pub fn asset(content_type: &'static str, bytes: &'static [u8]) -> Reply {
    let mut reply = typed(StatusCode::OK, content_type, full(bytes));
    let kept = HeaderValue::from_static("private, max-age=86400");
    reply.headers_mut().insert(CACHE_CONTROL, kept);
    reply
}

/// A file that a camera sent.
pub fn strangers(status: StatusCode, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    secured(reply, FILE_POLICY)
}

/// Leads the browser to `place`, relative to where it is, by a new GET.
pub fn see_other(place: &str) -> Reply {
    let mut reply = typed(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", full(""));
    if let Ok(place) = HeaderValue::from_str(place) {
        reply.headers_mut().insert(LOCATION, place);
    }
    reply
}
