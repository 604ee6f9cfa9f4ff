//! The text of an e-mail: who sends what to whom.

use super::super::reply::Refused;
use super::super::settings::Senders;
use crate::text;
use crate::xml::Xml;

/// What an e-mail says beside its files.
pub(super) struct Message {
    /// In the operator's spelling.
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// One line.
    pub(super) subject: String,
    /// Without the marker that cameras add.
    pub(super) body: String,
}

impl Message {
    /// Reads the XML of a message.
    ///
    /// # Errors
    /// It is none, or its sender may not send.
    pub(super) fn parse(text: &str, senders: &Senders) -> Result<Self, Refused> {
        let document = Xml::new(text);
        let email =
            document.element("email").ok_or_else(|| Refused::malformed("No email element"))?;
        let content = |name| email.element(name).map(|element| element.text()).unwrap_or_default();
        let sender = address(&content("sender")).to_owned();
        let sender = match senders.find(&sender) {
            Some(known) => known.address.clone(),
            None => return Err(Refused::Sender(sender)),
        };
        let mut recipients: Vec<String> = Vec::new();
        for receiver in
            email.element("receiverList").iter().flat_map(|list| list.elements("receiver"))
        {
            let written = receiver.text();
            let recipient = address(&written);
            let known = recipients.iter().any(|known| known.eq_ignore_ascii_case(recipient));
            if !recipient.is_empty() && !known {
                recipients.push(recipient.to_owned());
            }
        }
        if recipients.is_empty() {
            return Err(Refused::malformed("No receiver"));
        }
        let body = content("body");
        Ok(Self {
            sender,
            recipients,
            subject: text::one_line(&content("title")).trim().to_owned(),
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
