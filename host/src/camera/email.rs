//! `POST /social/columbus/email`: the camera's e-mail function
//! (`protocol.md` 3.6).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming as Body;
use hyper::header::CONTENT_TYPE;

use super::Intake;
use super::multipart::{self, Chunks, Multipart, MultipartError, Part};
use super::reply::Refused;
use super::xml::{self, Xml};
use crate::file_name;
use crate::spool::Incoming;
use crate::upload::{Origin, Upload};

/// Largest `message` part, in bytes. Cameras limit the text to some hundred
/// characters.
const LARGEST_MESSAGE: usize = 256 << 10;

/// Longest silence within a body.
const SILENCE: Duration = Duration::from_secs(60);

/// Takes an e-mail, from the first byte of the body to the durable upload.
pub(super) async fn receive<I: Intake>(intake: &I, request: Request<Body>) -> Result<(), Refused> {
    let received_at = SystemTime::now();
    let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    let boundary = content_type
        .and_then(|value| multipart::boundary(&String::from_utf8_lossy(value)))
        .ok_or_else(|| malformed("No multipart boundary"))?;
    let mut parts = Multipart::new(&boundary, BodyChunks(request.into_body()));
    let mut incoming = intake.begin().await.map_err(disk)?;
    let mut message = None;
    while let Some(part) = parts.next_part().await.map_err(broken)? {
        match part.name.as_str() {
            "message" => {
                let text = read_message(&mut parts).await?;
                // Now rather than after a gigabyte of a stranger's video.
                message = Some(Message::parse(&text, intake)?);
            }
            "binary" => read_file(&mut parts, part, &mut incoming).await?,
            other => tracing::info!("part {other:?} of an e-mail is not known; left out"),
        }
    }
    let message = message.ok_or_else(|| malformed("No message"))?;
    let upload = Upload {
        id: incoming.id().to_owned(),
        origin: Origin::Email,
        sender: message.sender,
        recipients: message.recipients,
        subject: message.subject,
        body: message.body,
        camera: None,
        received_at,
        files: incoming.files().to_vec(),
    };
    intake.accept(upload, incoming).await
}

/// The XML of an e-mail, read.
struct Message {
    sender: String,
    recipients: Vec<String>,
    subject: String,
    body: String,
}

impl Message {
    fn parse<I: Intake>(text: &str, intake: &I) -> Result<Self, Refused> {
        let document = Xml::new(text);
        let email = document.element("email").ok_or_else(|| malformed("No email element"))?;
        let text = |name| email.element(name).map(|element| element.text()).unwrap_or_default();
        let sender = address(&text("sender")).to_owned();
        let sender = intake.sender(&sender).ok_or(Refused::Sender(sender))?;
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
            return Err(malformed("No receiver"));
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

async fn read_message(parts: &mut Multipart<BodyChunks>) -> Result<String, Refused> {
    let mut bytes = Vec::new();
    while let Some(chunk) = parts.next_chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > LARGEST_MESSAGE {
            return Err(malformed("Message too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(xml::decode(&bytes).into_owned())
}

async fn read_file(
    parts: &mut Multipart<BodyChunks>,
    part: Part,
    incoming: &mut Incoming,
) -> Result<(), Refused> {
    let sent = part.file_name.unwrap_or_default();
    let name = file_name::safe(&sent).ok_or_else(|| malformed("Bad file name"))?;
    let content_type = media_type(part.content_type.as_deref(), &name);
    let mut file = incoming.create_file(&name, content_type).await.map_err(disk)?;
    while let Some(chunk) = parts.next_chunk().await.map_err(broken)? {
        file.append(chunk).await.map_err(disk)?;
    }
    incoming.finish_file(file).await.map_err(disk)?;
    match incoming.files().last() {
        Some(file) if file.size == 0 => Err(malformed(&format!("{} is empty", file.name))),
        _ => Ok(()),
    }
}

/// The media type that others understand (`protocol.md` 2, D20); by the name's
/// extension where the camera says nothing useful.
fn media_type(sent: Option<&str>, name: &str) -> String {
    let sent = sent.and_then(|sent| sent.split(';').next()).unwrap_or_default();
    let sent = sent.trim().to_ascii_lowercase();
    let plausible = sent.split_once('/').is_some_and(|(kind, subtype)| {
        ["image", "video", "audio"].contains(&kind)
            && !subtype.is_empty()
            && subtype.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match (sent.as_str(), extension.as_deref()) {
        ("image/pjpeg" | "image/jpg", _) => "image/jpeg".to_owned(),
        _ if plausible => sent,
        (_, Some("jpg" | "jpeg")) => "image/jpeg".to_owned(),
        (_, Some("mp4")) => "video/mp4".to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}

/// A request's body, with a deadline for each chunk.
struct BodyChunks(Body);

/// The body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the body ended early or stalled")]
struct Cut;

impl Chunks for BodyChunks {
    type Error = Cut;

    async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        loop {
            let frame = tokio::time::timeout(SILENCE, self.0.frame()).await.map_err(|_| Cut)?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(Cut),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

fn malformed(what: &str) -> Refused {
    Refused::Malformed(what.to_owned())
}

fn disk(error: std::io::Error) -> Refused {
    Refused::Disk(error.to_string())
}

fn broken(error: MultipartError<Cut>) -> Refused {
    match error {
        MultipartError::Source(Cut) => Refused::Incomplete,
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

    #[test]
    fn media_types_are_those_that_others_understand() {
        assert_eq!(media_type(Some("image/pjpeg"), "A.JPG"), "image/jpeg");
        assert_eq!(media_type(Some("video/mp4;"), "A.MP4"), "video/mp4");
        assert_eq!(media_type(None, "A.JPG"), "image/jpeg");
        assert_eq!(media_type(Some("text/html"), "A.SRW"), "application/octet-stream");
    }
}
