//! One message as it goes over the wire: everything fixed by the delivery, so
//! that a repeat has the same bytes.

use std::time::SystemTime;

use afterimage_address::{Address, Mailbox};
use lettre::message::header::{Date, Header as _, Headers};
use sha2::{Digest, Sha256};

use super::header;
use super::parts::parts;
use super::settings::MailServer;
use super::stream::Piece;
use crate::contract::mail::{Message, Part, RefusedRecipient, SmtpReply};
use crate::digest;
use crate::upload::Delivery;

/// The code of an address that is none (RFC 5321 4.2.2).
const NO_MAILBOX: u16 = 553;

/// A message and its envelope, ready to be sent.
pub(super) struct Outgoing {
    pub(super) message_id: String,
    pub(super) from: Address,
    /// The address as the guest wrote it, and as the server gets it.
    pub(super) to: Vec<(String, Address)>,
    /// Who cannot get it by any server.
    pub(super) refused: Vec<RefusedRecipient>,
    /// The header for servers that take addresses outside ASCII.
    in_utf8: Option<Vec<u8>>,
    in_ascii: Vec<u8>,
    body: Vec<Piece>,
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
            (Some(default), camera) => (wire(default.address.clone())?, camera.ok()),
            (None, Ok(camera)) => (camera.clone(), Some(camera)),
            (None, Err(error)) => {
                return Err(format!("{error}; set MAIL_DEFAULT_SENDER for such a camera"));
            }
        };
        let message_id = format!("<{identity}@{}>", from.domain());
        let chosen = |written: &String| message.only.is_empty() || message.only.contains(written);
        let mut to = Vec::new();
        let mut refused = Vec::new();
        let mut known = |written: &[String]| -> Vec<Address> {
            let mut known = Vec::new();
            for written in written {
                match address(written) {
                    Ok(address) => {
                        known.push(address.clone());
                        if chosen(written) {
                            to.push((written.clone(), address));
                        }
                    }
                    Err(text) if chosen(written) => {
                        let reply = SmtpReply { code: NO_MAILBOX, text };
                        refused.push(RefusedRecipient { address: written.clone(), reply });
                    }
                    Err(_) => {}
                }
            }
            known
        };
        let readers = Readers { to: known(&message.to), cc: known(&message.cc) };
        if to.is_empty() {
            return Err(match refused.into_iter().next() {
                Some(refused) => refused.reply.text,
                None => "`only` names nobody of `to` and `cc`".to_owned(),
            });
        }

        let from_field = match (default, camera.clone()) {
            (Some(default), camera) if config.rewrite_from || camera.is_none() => {
                let name = default.name.clone().or(camera.map(|camera| camera.to_string()));
                Mailbox { name, address: from.clone() }
            }
            (_, camera) => Mailbox { name: None, address: camera.unwrap_or_else(|| from.clone()) },
        };
        let sender = default
            .filter(|_| from_field.address != from)
            .map(|default| Mailbox { name: default.name.clone(), address: from.clone() });
        let reply_to = match &message.reply_to {
            Some(written) => Some(address(written)?),
            None => camera.filter(|camera| *camera != from),
        };
        let subject = header::one_line("the subject", &message.subject)?;
        let mark = digest::sha256(identity.as_bytes());
        let (parts, body) = parts(delivery, &message, &mark)?;
        let head = |in_utf8: bool| {
            let mut head = format!("Message-ID: {message_id}\r\n");
            head += &format!("Date: {}\r\n", date(delivery.upload.received_at));
            head += &header::mailbox("From", &from_field, in_utf8);
            if let Some(sender) = &sender {
                head += &header::mailbox("Sender", sender, in_utf8);
            }
            if let Some(reply_to) = &reply_to {
                head += &header::addresses("Reply-To", &[reply_to], in_utf8);
            }
            head += &readers.fields(in_utf8);
            head += &header::text("Subject", subject);
            head += "Auto-Submitted: auto-generated\r\n";
            head += concat!("User-Agent: Afterimage ", env!("CARGO_PKG_VERSION"), "\r\n");
            head += "MIME-Version: 1.0\r\n";
            [head.as_bytes(), &parts].concat()
        };
        let is_international = readers
            .all()
            .chain([&from, &from_field.address])
            .chain(&reply_to)
            .any(|address| !address.is_ascii());
        let in_utf8 = is_international.then(|| head(true));
        let in_ascii = head(false);
        let outgoing = Self { message_id, from, to, refused, in_utf8, in_ascii, body };
        let size = outgoing.size(true).max(outgoing.size(false));
        match size > config.max_size {
            false => Ok(outgoing),
            true => Err(format!(
                "the message has {size} bytes, MAIL_MAX_SIZE allows {}",
                config.max_size
            )),
        }
    }

    /// Whether its header has addresses outside ASCII for servers that take
    /// them (SMTPUTF8).
    pub(super) fn is_international(&self) -> bool {
        self.in_utf8.is_some()
    }

    /// Bytes in all. `in_utf8` is whether the server takes addresses outside
    /// ASCII.
    pub(super) fn size(&self, in_utf8: bool) -> u64 {
        self.head(in_utf8).len() as u64 + self.body.iter().map(Piece::size).sum::<u64>()
    }

    /// Its header, up to where the first piece of the body begins.
    pub(super) fn head(&self, in_utf8: bool) -> &[u8] {
        self.in_utf8.as_deref().filter(|_| in_utf8).unwrap_or(&self.in_ascii)
    }

    /// The rest, in order.
    pub(super) fn body(&self) -> &[Piece] {
        &self.body
    }
}

/// Those who are named in the header, whether they get it now or not.
struct Readers {
    to: Vec<Address>,
    cc: Vec<Address>,
}

impl Readers {
    fn all(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc)
    }

    fn fields(&self, in_utf8: bool) -> String {
        [("To", &self.to), ("Cc", &self.cc)]
            .into_iter()
            .filter(|(_, readers)| !readers.is_empty())
            .map(|(name, readers)| {
                header::addresses(name, &readers.iter().collect::<Vec<_>>(), in_utf8)
            })
            .collect()
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

/// An address with its domain in ASCII; a name before the `@` that is not
/// stays and takes a server that speaks SMTPUTF8.
fn address(written: &str) -> Result<Address, String> {
    header::one_line("an address", written)?;
    let address: Address =
        written.parse().map_err(|why| format!("{written:?} is no address: {why}"))?;
    wire(address)
}

fn wire(address: Address) -> Result<Address, String> {
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain = idna::domain_to_ascii(address.domain())
        .map_err(|_| format!("\"{address}\" is no address: its domain cannot exist"))?;
    // What became of its letters may be something else again.
    address
        .with_domain(domain)
        .to_string()
        .parse()
        .map_err(|why| format!("its domain in ASCII is none: {why}"))
}

fn date(at: SystemTime) -> String {
    let mut fields = Headers::new();
    fields.insert_raw(Date::new(at).display());
    let field = fields.to_string();
    field.trim_start_matches("Date: ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::stream::Blocks;
    use super::*;
    use crate::action_name::ActionName;
    use crate::contract::mail::InlinePart;
    use crate::upload::{self, FileNotes, Origin, Upload, WorkingCopy};

    fn delivery(folder: &Path, attempt: u32) -> Delivery {
        std::fs::write(folder.join("A.JPG"), "photo").unwrap();
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
            subject: String::new(),
            body: String::new(),
            camera: None,
            received_at: SystemTime::UNIX_EPOCH,
            files: vec![file],
            attributes: Vec::new(),
        };
        Delivery {
            id: "0190".to_owned(),
            attempt,
            action: ActionName { plugin: "email".to_owned(), instance: None },
            upload: Arc::new(upload),
            recipients: Vec::new(),
            folders: None,
            copy: WorkingCopy::of(folder.to_owned()),
            notes: Arc::new(FileNotes(folder.join("notes"))),
        }
    }

    fn message(to: &[&str], text: &str) -> Message {
        Message {
            to: to.iter().map(|&to| to.to_owned()).collect(),
            cc: Vec::new(),
            only: Vec::new(),
            reply_to: None,
            subject: "Grüße".to_owned(),
            text: text.to_owned(),
            html: None,
            parts: vec![Part::File(0)],
        }
    }

    fn outgoing(attempt: u32, message: Message) -> (tempfile::TempDir, Result<Outgoing, String>) {
        let folder = tempfile::tempdir().unwrap();
        let outgoing =
            Outgoing::new(&delivery(folder.path(), attempt), message, &MailServer::default());
        (folder, outgoing)
    }

    async fn bytes(attempt: u32, message: Message) -> String {
        let (_folder, outgoing) = outgoing(attempt, message);
        let outgoing = outgoing.unwrap();
        let mut bytes = Vec::new();
        let mut blocks = Blocks::new(outgoing.head(false), outgoing.body());
        while let Some(block) = blocks.next().await.unwrap() {
            bytes.extend_from_slice(&block);
        }
        assert_eq!(bytes.len() as u64, outgoing.size(false));
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_repeat_has_the_same_bytes() {
        let to = ["a@example.org", "b@example.org"];
        let again = Message { only: vec![to[1].to_owned()], ..message(&to, "Grüße") };
        assert_eq!(bytes(1, message(&to, "Grüße")).await, bytes(2, again).await);
    }

    #[tokio::test]
    async fn every_line_is_one_that_servers_pass_on_as_it_is() {
        let many: Vec<String> = (0..32).map(|n| format!("somebody.{n}@mail.example.org")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for text in [
            "short".to_owned(),
            "x".repeat(3000),
            format!("{} {}", "\u{c4}", "x".repeat(3000)),
            "여름 휴가".repeat(900),
            "a\rb\nc\r\nd".to_owned(),
            "nul \0 and esc \u{1b}[31m and del \u{7f}".to_owned(),
            ".\n..\nFrom me".to_owned(),
        ] {
            let inline = InlinePart {
                name: "여름 휴가 ".repeat(40),
                content_type: "text/plain".to_owned(),
                data: text.clone().into_bytes(),
            };
            let mut message = message(&many, &text);
            message.subject = "s".repeat(2000);
            message.html = Some(text);
            message.parts.push(Part::Inline(inline));
            let bytes = bytes(1, message).await;
            for line in bytes.split("\r\n") {
                assert!(line.len() <= 998, "{line}");
                assert!(line.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)), "{line:?}");
            }
        }
    }

    #[test]
    fn an_address_that_is_none_costs_only_itself() {
        let (_folder, outgoing) =
            outgoing(1, message(&["a@example.org", "x@y;", "b@bücher..example"], ""));
        let outgoing = outgoing.unwrap();
        assert_eq!(outgoing.to.len(), 1);
        let refused: Vec<&str> = outgoing.refused.iter().map(|r| r.address.as_str()).collect();
        assert_eq!(refused, ["x@y;", "b@bücher..example"]);
        let head = String::from_utf8(outgoing.head(false).to_vec()).unwrap();
        assert!(head.contains("\r\nTo: a@example.org\r\n"), "{head}");
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
