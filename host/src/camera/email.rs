//! `POST /social/columbus/email`: the camera's e-mail function
//! (`protocol.md` 3.6).
//!
//! Which part is what is told by more than its name, for a photo must not be
//! lost because a model calls it otherwise. A part that is neither text nor
//! file is an error unless it is empty: no camera hears OK for what was thrown
//! away.

mod message;

use std::time::SystemTime;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming as HttpBody;
use hyper::header::CONTENT_TYPE;

use self::message::Message;
use super::Intake;
use super::body::{self, Body};
use super::file::{self, Begun};
use super::media;
use super::multipart::{self, Chunks, Multipart, MultipartError, Part};
use super::reply::Refused;
use super::state::{Caller, State};
use super::transfer::{Decoded, Transfer};
use crate::text;
use crate::upload::{Origin, Upload};
use crate::xml;

/// Largest `message` part, in bytes. Cameras limit the text to some hundred
/// characters.
const LARGEST_MESSAGE: usize = 64 << 10;

/// Takes an e-mail, from the first byte of the body to the durable upload.
pub(super) async fn receive<I: Intake>(
    state: &State<I>,
    request: Request<HttpBody>,
    caller: &Caller,
) -> Result<(), Refused> {
    let received_at = SystemTime::now();
    let content_type = body::header(request.headers(), &CONTENT_TYPE);
    let boundary = content_type
        .and_then(|header| multipart::boundary(&header))
        .ok_or_else(|| Refused::malformed("No multipart boundary"))?;
    let mut parts = Multipart::new(&boundary, Body::open(request, &state.settings).await?);
    let mut lease = state.intake.begin()?;
    let (mut message, mut empty) = (None, None);
    while let Some(part) = parts.next_part().await.map_err(broken)? {
        let raw = Begun::new(Content(&mut parts)).await?;
        let transfer = Transfer::of(part.transfer_encoding.as_deref(), raw.beginning())?;
        let mut content = Begun::new(Decoded::new(raw, transfer)).await?;
        match Kind::of(&part, content.beginning(), message.is_some()) {
            Kind::Message => {
                let (text, charset) = read_message(&mut content, &part).await?;
                // Now rather than after a gigabyte of a stranger's video.
                message = Some(Message::parse(&text, &state.settings.senders)?);
                parts.expect_charset(charset);
            }
            Kind::File if content.is_empty() => {
                let name = part.file_name.unwrap_or(part.name);
                tracing::warn!("file {name:?} of an e-mail is empty; it is left out");
                empty = Some(name);
            }
            Kind::File => {
                let name = part.file_name.as_deref().unwrap_or_default();
                let content_type = part.content_type.as_deref();
                let held = state.memory.hold(&caller.share);
                file::receive(&mut content, name, content_type, &mut lease, held).await?;
            }
            Kind::Unknown if content.is_empty() => {}
            Kind::Unknown => return Err(Refused::UnknownPart(part.name)),
        }
    }
    let message = message.ok_or_else(|| Refused::malformed("No message"))?;
    if let Some(name) = empty.filter(|_| lease.files().is_empty()) {
        return Err(Refused::Malformed(format!("{name} is empty")));
    }
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

/// What a part of an e-mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    File,
    Unknown,
}

impl Kind {
    /// Of a part that begins with `begin`; an e-mail has one message.
    fn of(part: &Part, begin: &[u8], has_message: bool) -> Self {
        let is_file = media::by_content(begin).is_some()
            || part.content_type.as_deref().is_some_and(media::is_media);
        let is_message = || {
            part.name.eq_ignore_ascii_case("message")
                || xml::decode(begin, part.charset().as_deref()).contains("<email")
        };
        if is_file {
            Self::File
        } else if !has_message && is_message() {
            Self::Message
        } else if part.name.eq_ignore_ascii_case("binary")
            || part.file_name.as_deref().is_some_and(|name| !name.is_empty())
        {
            Self::File
        } else {
            Self::Unknown
        }
    }
}

/// The text of a message, and what it was encoded in, if that says anything
/// about names.
async fn read_message(
    content: &mut impl Chunks<Error = Refused>,
    part: &Part,
) -> Result<(String, &'static str), Refused> {
    let mut bytes = Vec::new();
    while let Some(chunk) = content.next().await? {
        if bytes.len() + chunk.len() > LARGEST_MESSAGE {
            return Err(Refused::malformed("Message too large"));
        }
        // No more than there is, of hundreds who may send such at once.
        bytes.reserve_exact(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    let said = part.charset();
    let declared = said.as_deref().or_else(|| xml::declared(&bytes));
    let charset = text::charset(&bytes, declared);
    Ok((text::decode(&bytes, Some(charset)).into_owned(), charset))
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
