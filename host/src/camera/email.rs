//! `POST /social/columbus/email`: the camera's e-mail function
//! (`protocol.md` 3.6).

use std::time::SystemTime;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming as HttpBody;
use hyper::header::CONTENT_TYPE;

use super::body::Body;
use super::multipart::{self, Chunks, Multipart, MultipartError};
use super::reply::Refused;
use super::settings::Senders;
use super::state::State;
use super::xml::{self, Xml};
use super::{Intake, file};
use crate::upload::{Origin, Upload};

/// Largest `message` part, in bytes. Cameras limit the text to some hundred
/// characters.
const LARGEST_MESSAGE: usize = 256 << 10;

/// Takes an e-mail, from the first byte of the body to the durable upload.
pub(super) async fn receive<I: Intake>(
    state: &State<I>,
    request: Request<HttpBody>,
) -> Result<(), Refused> {
    let received_at = SystemTime::now();
    let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    let boundary = content_type
        .and_then(|value| multipart::boundary(&String::from_utf8_lossy(value)))
        .ok_or_else(|| Refused::malformed("No multipart boundary"))?;
    let mut parts =
        Multipart::new(&boundary, Body::open(request.into_body(), &state.settings).await?);
    let mut lease = state.intake.begin()?;
    let mut message = None;
    while let Some(part) = parts.next_part().await.map_err(broken)? {
        match part.name.as_str() {
            "message" => {
                let text = read_message(&mut parts).await?;
                // Now rather than after a gigabyte of a stranger's video.
                message = Some(Message::parse(&text, &state.settings.senders)?);
            }
            "binary" => {
                let name = part.file_name.unwrap_or_default();
                let content_type = part.content_type.as_deref();
                file::receive(&mut Content(&mut parts), &name, content_type, &mut lease).await?;
            }
            other => tracing::info!("part {other:?} of an e-mail is not known; left out"),
        }
    }
    let message = message.ok_or_else(|| Refused::malformed("No message"))?;
    let upload = Upload {
        id: lease.id().to_owned(),
        origin: Origin::Email,
        sender: message.sender,
        recipients: message.recipients,
        subject: message.subject,
        body: message.body,
        camera: None,
        received_at,
        files: lease.files().to_vec(),
        attributes: Vec::new(),
    };
    state.intake.accept(upload, lease).await
}

/// The XML of an e-mail, read.
struct Message {
    sender: String,
    recipients: Vec<String>,
    subject: String,
    body: String,
}

impl Message {
    fn parse(text: &str, senders: &Senders) -> Result<Self, Refused> {
        let document = Xml::new(text);
        let email =
            document.element("email").ok_or_else(|| Refused::malformed("No email element"))?;
        let text = |name| email.element(name).map(|element| element.text()).unwrap_or_default();
        let sender = address(&text("sender")).to_owned();
        let sender = match senders.find(&sender) {
            Some(known) => known.address.clone(),
            None => return Err(Refused::Sender(sender)),
        };
        let mut recipients: Vec<String> = Vec::new();
        for receiver in
            email.element("receiverList").iter().flat_map(|list| list.elements("receiver"))
        {
            let text = receiver.text();
            let recipient = address(&text);
            let known = recipients.iter().any(|known| known.eq_ignore_ascii_case(recipient));
            if !recipient.is_empty() && !known {
                recipients.push(recipient.to_owned());
            }
        }
        if recipients.is_empty() {
            return Err(Refused::malformed("No receiver"));
        }
        let body = text("body");
        Ok(Self {
            sender,
            recipients,
            subject: text("title").trim().to_owned(),
            body: without_marker(&body).trim().to_owned(),
        })
    }
}

/// The address of `addr` or `Name <addr>` (`protocol.md` 2, D22).
fn address(written: &str) -> &str {
    let inner = written.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(written, |(address, _)| address).trim()
}

/// `body` without `language_sh100_utf8` at its end (`protocol.md` 2, D21).
fn without_marker(body: &str) -> &str {
    let trimmed = body.trim_end();
    let line = trimmed.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let marker = trimmed[line..].strip_prefix("language_").is_some_and(|rest| {
        rest.contains('_') && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    });
    if marker { &trimmed[..line] } else { body }
}

async fn read_message(parts: &mut Multipart<Body<'_>>) -> Result<String, Refused> {
    let mut bytes = Vec::new();
    while let Some(chunk) = parts.next_chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > LARGEST_MESSAGE {
            return Err(Refused::malformed("Message too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(xml::decode(&bytes, None).into_owned())
}

/// What is left of the part that a reader stands in.
struct Content<'a, 'b>(&'a mut Multipart<Body<'b>>);

impl Chunks for Content<'_, '_> {
    type Error = Refused;

    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        self.0.next_chunk().await.map_err(broken)
    }
}

fn broken(error: MultipartError<Refused>) -> Refused {
    match error {
        MultipartError::Source(refused) => refused,
        error => Refused::Malformed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_at_the_end_of_the_text_is_removed() {
        assert_eq!(without_marker("Hello\nlanguage_sh100_utf8").trim(), "Hello");
        assert_eq!(without_marker("language_sh100_utf8\n"), "");
        assert_eq!(without_marker("I speak language_x"), "I speak language_x");
        assert_eq!(without_marker("Hello"), "Hello");
    }

    #[test]
    fn a_sender_comes_with_or_without_a_name() {
        assert_eq!(address("Holiday Cam <Camera@samsungcamera.com>"), "Camera@samsungcamera.com");
        assert_eq!(address(" Camera@samsungcamera.com\n"), "Camera@samsungcamera.com");
    }
}
