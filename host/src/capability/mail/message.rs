//! One message as it goes over the wire: everything fixed by the delivery, so
//! that a repeat has the same bytes.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, Message as Letter, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::settings::MailServer;
use crate::contract::mail::{Message, Part};
use crate::digest;
use crate::upload::Delivery;

/// Bytes of a file in one line of base64, which has 76 characters.
const LINE: usize = 57;
/// Bytes of a file that are encoded and sent at once.
const BLOCK: usize = LINE << 10;

/// A message and its envelope, ready to be sent.
pub(super) struct Outgoing {
    pub(super) message_id: String,
    pub(super) from: Address,
    /// The address as the guest wrote it, and as the server gets it.
    pub(super) to: Vec<(String, Address)>,
    /// Bytes in all.
    pub(super) size: u64,
    pieces: Vec<Piece>,
}

enum Piece {
    Bytes(Vec<u8>),
    File { path: PathBuf, size: u64 },
}

impl Outgoing {
    /// Builds what `message` asks for.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub(super) fn new(
        delivery: &Delivery,
        message: Message,
        config: &MailServer,
    ) -> Result<Self, String> {
        let identity = identity(delivery, &message);
        let camera = address(&delivery.upload.sender);
        let default = config.default_sender.as_ref();
        let (from, camera) = match (default, camera) {
            (Some(default), camera) => (default.email.clone(), camera.ok()),
            (None, Ok(camera)) => (camera.clone(), Some(camera)),
            (None, Err(error)) => {
                return Err(format!("{error}; set MAIL_DEFAULT_SENDER for such a camera"));
            }
        };
        let message_id = format!("<{identity}@{}>", from.domain());
        let to = addresses(&message.to)?;
        let cc = addresses(&message.cc)?;

        let mut letter = Letter::builder()
            .message_id(Some(message_id.clone()))
            .date(delivery.upload.received_at)
            .subject(header("the subject", &message.subject)?)
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .user_agent(concat!("Afterimage ", env!("CARGO_PKG_VERSION")).to_owned());
        letter = match (default, camera.clone()) {
            (Some(default), camera) if config.rewrite_from || camera.is_none() => {
                let name = default.name.clone().or(camera.map(|camera| camera.to_string()));
                letter.from(Mailbox::new(name, default.email.clone()))
            }
            (Some(default), Some(camera)) => {
                letter.from(Mailbox::new(None, camera)).sender(default.clone())
            }
            (_, camera) => letter.from(Mailbox::new(None, camera.unwrap_or_else(|| from.clone()))),
        };
        let reply_to = match &message.reply_to {
            Some(written) => Some(address(written)?),
            None => camera.filter(|camera| *camera != from),
        };
        if let Some(reply_to) = reply_to {
            letter = letter.reply_to(Mailbox::new(None, reply_to));
        }
        for (_, address) in &to {
            letter = letter.to(Mailbox::new(None, address.clone()));
        }
        for (_, address) in &cc {
            letter = letter.cc(Mailbox::new(None, address.clone()));
        }

        let mark = digest::sha256(identity.as_bytes());
        let boundary = format!("=_{}", &mark[..32]);
        let mut body = match &message.html {
            Some(html) => MultiPart::mixed().boundary(&boundary).multipart(
                MultiPart::alternative()
                    .boundary(format!("{boundary}_text"))
                    .singlepart(SinglePart::plain(message.text.clone()))
                    .singlepart(SinglePart::html(html.clone())),
            ),
            None => MultiPart::mixed()
                .boundary(&boundary)
                .singlepart(SinglePart::plain(message.text.clone())),
        };
        let mut files = Vec::new();
        for part in &message.parts {
            body = body.singlepart(match part {
                Part::File(index) => {
                    let file = delivery.upload.files.get(*index as usize);
                    let file = file.ok_or_else(|| format!("the upload has no file {index}"))?;
                    let place = format!("@{mark}.{}@", files.len());
                    let path = delivery.copy.path(file);
                    files.push((place.clone(), Piece::File { path, size: file.size }));
                    attachment(
                        &file.name,
                        &file.content_type,
                        Body::dangerous_pre_encoded(
                            place.into_bytes(),
                            ContentTransferEncoding::Base64,
                        ),
                    )?
                }
                Part::Inline(inline) => {
                    let data = Body::new_with_encoding(
                        inline.data.clone(),
                        ContentTransferEncoding::Base64,
                    )
                    .map_err(|_| "a part cannot be encoded".to_owned())?;
                    attachment(&inline.name, &inline.content_type, data)?
                }
            });
        }
        let letter = letter.multipart(body).map_err(|error| error.to_string())?.formatted();
        let pieces = splice(letter, files)?;
        let size = pieces.iter().map(Piece::size).sum();
        if size > config.max_size {
            return Err(format!(
                "the message has {} bytes, MAIL_MAX_SIZE allows {}",
                size, config.max_size
            ));
        }
        let mut to: Vec<(String, Address)> = to.into_iter().chain(cc).collect();
        if !message.only.is_empty() {
            to.retain(|(written, _)| message.only.contains(written));
        }
        if to.is_empty() {
            return Err("`only` names nobody of `to` and `cc`".to_owned());
        }
        Ok(Self { message_id, from, to, size, pieces })
    }

    /// Whether an address needs a server that speaks SMTPUTF8.
    pub(super) fn is_international(&self) -> bool {
        !self.from.to_string().is_ascii()
            || self.to.iter().any(|(_, to)| !to.to_string().is_ascii())
    }

    /// The message block by block. Whoever watches `progress` sees every block
    /// begin, and the sender's end after the last one.
    pub(super) fn blocks(self, progress: watch::Sender<()>) -> Blocks {
        Blocks { pieces: self.pieces.into_iter(), file: None, progress }
    }
}

/// What tells this message from another one of the same delivery.
fn identity(delivery: &Delivery, message: &Message) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &[u8]| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    for text in message.to.iter().chain(&message.cc) {
        add(text.as_bytes());
    }
    for text in [&message.subject, &message.text] {
        add(text.as_bytes());
    }
    for part in &message.parts {
        match part {
            Part::File(index) => add(&index.to_be_bytes()),
            Part::Inline(inline) => add(&inline.data),
        }
    }
    format!("{}.{}", delivery.id, &digest::hex(&hash.finalize())[..8])
}

fn addresses(written: &[String]) -> Result<Vec<(String, Address)>, String> {
    written.iter().map(|written| Ok((written.clone(), address(written)?))).collect()
}

/// An address with its domain in ASCII; a name before the `@` that is not
/// stays and takes a server that speaks SMTPUTF8.
fn address(written: &str) -> Result<Address, String> {
    let wrong = || format!("{written:?} is no address");
    let (user, domain) = header("an address", written)?.rsplit_once('@').ok_or_else(wrong)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| wrong())?;
    Address::new(user, domain).map_err(|_| wrong())
}

/// `text`, unless it could end the line of its header.
fn header<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(control) => Err(format!("{what} has a control character ({control:?})")),
        None => Ok(text),
    }
}

fn attachment(name: &str, content_type: &str, body: Body) -> Result<SinglePart, String> {
    let name = header("a file name", name)?;
    let content_type = ContentType::parse(header("a media type", content_type)?)
        .map_err(|_| format!("{content_type:?} is no media type"))?;
    Ok(SinglePart::builder()
        .header(content_type)
        .header(ContentDisposition::attachment(name))
        .body(body))
}

/// Puts `files` into the places that they left in `letter`, in order.
fn splice(letter: Vec<u8>, files: Vec<(String, Piece)>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = letter.as_slice();
    for (place, file) in files {
        let at = memchr::memmem::find(rest, place.as_bytes())
            .ok_or_else(|| "a part got lost in its message".to_owned())?;
        pieces.push(Piece::Bytes(rest[..at].to_vec()));
        pieces.push(file);
        rest = &rest[at + place.len()..];
    }
    pieces.push(Piece::Bytes(rest.to_vec()));
    Ok(pieces)
}

impl Piece {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => {
                let lines = size.div_ceil(LINE as u64);
                4 * size.div_ceil(3) + 2 * lines.saturating_sub(1)
            }
        }
    }
}

/// The message block by block.
///
/// A file that cannot be read any more unwinds with its `io::Error`: to end
/// the iterator would end the message, and the recipient get half of it.
pub(super) struct Blocks {
    pieces: std::vec::IntoIter<Piece>,
    file: Option<(File, u64)>,
    progress: watch::Sender<()>,
}

impl Iterator for Blocks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.progress.send_replace(());
        loop {
            if let Some((file, left)) = &mut self.file {
                if *left == 0 {
                    self.file = None;
                    continue;
                }
                let length = (*left).min(BLOCK as u64) as usize;
                let mut block = vec![0; length];
                file.read_exact(&mut block).unwrap_or_else(|error| unwind(error));
                *left -= length as u64;
                return Some(lines(&block, *left == 0));
            }
            match self.pieces.next()? {
                Piece::Bytes(bytes) => return Some(bytes),
                Piece::File { path, size } => {
                    let file = File::open(path).unwrap_or_else(|error| unwind(error));
                    self.file = Some((file, size));
                }
            }
        }
    }
}

fn unwind(error: std::io::Error) -> ! {
    std::panic::resume_unwind(Box::new(error))
}

/// Lines of base64, the last one without its end.
fn lines(block: &[u8], is_last: bool) -> Vec<u8> {
    let mut lines = Vec::with_capacity(block.len() * 78 / LINE + 78);
    let mut line = [0; 76];
    for bytes in block.chunks(LINE) {
        let length = STANDARD.encode_slice(bytes, &mut line).expect("57 bytes are 76 characters");
        lines.extend_from_slice(&line[..length]);
        lines.extend_from_slice(b"\r\n");
    }
    if is_last {
        lines.truncate(lines.len() - 2);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::action_name::ActionName;
    use crate::upload::{self, FileNotes, Origin, Upload, WorkingCopy};

    #[test]
    fn a_streamed_file_has_the_size_that_was_announced() {
        for size in [1, 2, 56, 57, 58, 114, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            std::io::Write::write_all(&mut file, &bytes).unwrap();
            let piece = Piece::File { path: file.path().to_owned(), size: size as u64 };
            let announced = piece.size();
            let blocks = Blocks {
                pieces: vec![piece].into_iter(),
                file: None,
                progress: watch::channel(()).0,
            };
            let sent: Vec<u8> = blocks.flatten().collect();
            assert_eq!(sent.len() as u64, announced, "{size}");
            let text: Vec<u8> = sent.into_iter().filter(|b| !b"\r\n".contains(b)).collect();
            assert!(STANDARD.decode(text).unwrap() == bytes, "{size}");
        }
    }

    #[test]
    fn a_repeat_has_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("A.JPG"), "photo").unwrap();
        let file = upload::File {
            name: "A.JPG".to_owned(),
            content_type: "image/jpeg".to_owned(),
            size: 5,
            sha256: String::new(),
        };
        let upload = Upload {
            id: "upload".to_owned(),
            origin: Origin::Email,
            sender: "cam@example.org".to_owned(),
            recipients: Vec::new(),
            subject: "Grüße".to_owned(),
            body: "Grüße".to_owned(),
            camera: None,
            received_at: SystemTime::UNIX_EPOCH,
            files: vec![file],
            attributes: Vec::new(),
        };
        let delivery = |attempt| Delivery {
            id: "0190".to_owned(),
            attempt,
            action: ActionName { plugin: "email".to_owned(), instance: None },
            upload: Arc::new(upload.clone()),
            recipients: Vec::new(),
            folders: None,
            copy: WorkingCopy::of(folder.path().to_owned()),
            notes: Arc::new(FileNotes(folder.path().join("notes"))),
        };
        let bytes = |attempt, only: &[&str]| -> Vec<u8> {
            let message = Message {
                to: vec!["a@example.org".to_owned(), "b@example.org".to_owned()],
                cc: Vec::new(),
                only: only.iter().map(|&only| only.to_owned()).collect(),
                reply_to: None,
                subject: upload.subject.clone(),
                text: upload.body.clone(),
                html: None,
                parts: vec![Part::File(0)],
            };
            let config = MailServer::default();
            let outgoing = Outgoing::new(&delivery(attempt), message, &config).unwrap();
            let size = outgoing.size;
            let bytes: Vec<u8> = outgoing.blocks(watch::channel(()).0).flatten().collect();
            assert_eq!(bytes.len() as u64, size);
            bytes
        };
        assert!(bytes(1, &[]) == bytes(2, &["b@example.org"]));
    }

    #[test]
    fn addresses_keep_their_name_and_get_an_ascii_domain() {
        assert_eq!(address("anna@exämple.org").unwrap().to_string(), "anna@xn--exmple-cua.org");
        assert_eq!(address("änna@example.org").unwrap().to_string(), "änna@example.org");
        assert_eq!(address("cam@x").unwrap().to_string(), "cam@x");
        for wrong in
            ["", "x", "a b@example.org", "a@example.org\r\nBcc: b@example.org", "a@b>, <c@d"]
        {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
    }
}
