//! What must hold of each parser for any bytes. Used by the fuzz targets and,
//! over the same seeds, by the tests of the program.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::backup::{didl, soap, ssdp};
use crate::camera::login;
use crate::camera::multipart::{self, Chunks, Multipart};
use crate::camera::wire::repair::{end_of_head, repair as repaired};
use crate::date::Date;
use crate::pairing::Udn;
use crate::xml::{self, Xml};

/// A repaired head is one that a strict parser takes whole, and repairing it
/// again changes nothing.
pub fn repair(data: &[u8]) {
    let Some(end) = end_of_head(data, 0) else { return };
    let Some(head) = repaired(&data[..end]) else { return };
    let mut headers = vec![httparse::EMPTY_HEADER; head.len()];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(&head).expect("a strict parser takes it");
    assert_eq!(parsed, httparse::Status::Complete(head.len()));
    assert_eq!(end_of_head(&head, 0), Some(head.len()));
    assert_eq!(repaired(&head).as_deref(), Some(&*head));
}

/// A body gives the same parts however the network cuts it.
pub fn multipart(data: &[u8]) {
    let whole = parts(data, data.len().max(1));
    for size in [1, data.len() % 61 + 2] {
        assert_eq!(parts(data, size), whole, "in pieces of {size}");
    }
    let _ = multipart::boundary(&String::from_utf8_lossy(data));
}

/// Queries answer, whatever the text.
pub fn xml(data: &[u8]) {
    let text = xml::decode(data, None);
    let document = Xml::new(&text);
    for name in ["email", "body", "r"] {
        for element in document.elements(name).take(4) {
            assert!(element.text().len() <= text.len());
        }
    }
    for (name, attribute) in [("Request", "SessionKey"), ("UserName", "Value"), ("r", "a")] {
        let value = document.attribute(name, attribute);
        assert!(value.is_none_or(|value| value.len() <= text.len()));
    }
    assert!(document.text().len() <= text.len());
}

/// Credentials are text without control characters, of a user who has a name,
/// or an error. Three lines: user, password, key.
pub fn login(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let (user, password) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    if let Ok(credentials) = login::credentials(user, password, lines.next()) {
        assert!(!credentials.user.is_empty());
        let all = credentials.user.chars().chain(credentials.password.chars());
        assert!(!all.into_iter().any(char::is_control));
        let shown = format!("Credentials {{ user: {:?}, .. }}", credentials.user);
        assert_eq!(format!("{credentials:?}"), shown);
    }
}

/// Only a search is answered, and by no more than 400 bytes.
pub fn ssdp(data: &[u8]) {
    let udn = Udn::parse("uuid:4a682b0b-0361-dbae-6155-0123456789ab").expect("it is one");
    let Some(target) = ssdp::search(data, &udn) else { return };
    assert!(data.len() <= ssdp::LARGEST);
    assert!(data.trim_ascii_start()[..8].eq_ignore_ascii_case(b"M-SEARCH"));
    let server = "255.255.255.255:65535".parse().expect("it is an address");
    let answer = ssdp::answer(&target, &udn, server);
    assert!(answer.len() <= 400 && answer.ends_with("\r\n\r\n"));
}

/// A call is looked through without harm, and a text comes out of an answer as
/// it went in.
pub fn soap(data: &[u8]) {
    let text = xml::decode(data, None);
    if soap::look_through(&text).is_ok() {
        let _ = soap::Action::of_body(&text);
        let argument = soap::argument(&text, "Elements");
        assert!(argument.is_none_or(|argument| argument.len() <= text.len()));
    }
    let answer = soap::response("CreateObject", &[("ObjectID", "1"), ("Result", &text)]);
    assert_eq!(soap::look_through(&answer), Ok(()));
    assert_eq!(soap::argument(&answer, "Result").as_deref(), Some(&*text));
    let _ = soap::Action::of_header(data);
}

/// What is announced has a name and bounds, and nothing of it gets out of its
/// place in the answer.
pub fn didl(data: &[u8]) {
    let Ok(object) = didl::Object::parse(&xml::decode(data, None)) else { return };
    assert!(!object.title.trim().is_empty() && object.title.len() <= 1 << 10);
    assert!(object.profile.len() + object.media_type.len() + object.class.len() <= 3 << 8);
    let day = Date::parse("2014-06-01").expect("it is a day");
    let result = object.result("UP_1", day, "http://192.168.1.7/cd");
    assert_eq!(soap::look_through(&result), Ok(()));
    let didl = Xml::new(&result);
    assert_eq!(didl.attribute("res", "importUri").as_deref(), Some("http://192.168.1.7/cd"));
    assert_eq!(didl.attribute("res", "size"), Some(object.size.to_string()));
    assert_eq!(didl.attribute("item", "id").as_deref(), Some("UP_1"));
}

/// A body in pieces of one size.
struct Pieces<'a>(std::slice::Chunks<'a, u8>);

impl Chunks for Pieces<'_> {
    type Error = Infallible;

    async fn next(&mut self) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.next().map(Bytes::copy_from_slice))
    }
}

/// The boundary of the published capture.
const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// Name, file name, media type and content of each part; an error for the
/// parts from which on it cannot be read.
type Parts = Vec<Result<(String, Vec<u8>), String>>;

fn parts(body: &[u8], size: usize) -> Parts {
    let read = async {
        let mut reader = Multipart::new(BOUNDARY, Pieces(body.chunks(size)));
        let mut parts = Parts::new();
        loop {
            let part = match reader.next_part().await {
                Ok(Some(part)) => format!("{part:?}"),
                Ok(None) => return parts,
                Err(error) => {
                    parts.push(Err(error.to_string()));
                    return parts;
                }
            };
            let mut content = Vec::new();
            while let Ok(Some(chunk)) = reader.next_chunk().await {
                assert!(!chunk.is_empty());
                content.extend_from_slice(&chunk);
            }
            assert!(content.len() <= body.len());
            parts.push(Ok((part, content)));
        }
    };
    match pin!(read).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(parts) => parts,
        Poll::Pending => unreachable!("the source never waits"),
    }
}
