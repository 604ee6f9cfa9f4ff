//! The frame of requests and answers for the services: SOAP 1.1 as UPnP 1.0
//! uses it.
//!
//! A request is looked through and not parsed: what cameras of these years call
//! XML seldom is. Two things are refused all the same, because no camera sends
//! them and they do harm: document types, and what is nested or attributed
//! without end.

use std::borrow::Cow;

use crate::xml::Xml;

/// Largest body of a request, in bytes. The largest known has 1 000.
pub const LARGEST: usize = 64 << 10;

/// Elements within elements; attributes of one element.
const DEPTH: usize = 16;
const ATTRIBUTES: usize = 256;

/// Namespace of the actions.
const SERVICE: &str = super::ssdp::CONTENT_DIRECTORY;

/// What a camera wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A backup begins.
    Start,
    /// A file is announced.
    CreateObject,
    /// A backup has ended.
    Done,
    /// Anything else, of at most 64 characters.
    Unknown(String),
}

impl Action {
    /// The action of a `SOAPACTION` header, with or without quotation marks
    /// and service.
    pub fn of_header(header: &[u8]) -> Self {
        let header = String::from_utf8_lossy(header);
        let name = header.trim().trim_matches('"').trim();
        Self::called(name.rsplit('#').next().unwrap_or(name))
    }

    /// The action that the body of a request names by its first element.
    pub fn of_body(body: &str) -> Option<Self> {
        let body = Xml::new(body).element("Body")?;
        let (_, tag) = body.source().split_once('<')?;
        let name = tag.split(|c: char| c.is_ascii_whitespace() || "/>".contains(c)).next()?;
        let local = name.rsplit(':').next().unwrap_or(name);
        (!local.is_empty()).then(|| Self::called(local))
    }

    fn called(name: &str) -> Self {
        let known = [
            ("X_BACKUP_START", Self::Start),
            ("CreateObject", Self::CreateObject),
            ("X_BACKUP_DONE", Self::Done),
        ];
        let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or_else(|| Self::Unknown(name.chars().take(64).collect()), |(_, action)| action)
    }
}

/// Why XML is not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Entities could be defined in it, or files named.
    #[error("a document type, which no camera sends")]
    DocumentType,
    /// Nested without end.
    #[error("elements within elements, more than {DEPTH} deep")]
    Depth,
    /// An element with endless attributes.
    #[error("an element with more than {ATTRIBUTES} attributes")]
    Attributes,
}

/// Makes sure that `xml` is nothing that only an attacker sends. Takes time
/// linear in its length and no memory.
///
/// # Errors
/// What it is.
pub fn look_through(xml: &str) -> Result<(), Refused> {
    let mut depth = 0_usize;
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let skipped = |open: &str, close: &str| {
            let inner = rest.strip_prefix(open)?;
            Some(inner.find(close).map_or("", |end| &inner[end + close.len()..]))
        };
        if let Some(behind) = skipped("!--", "-->").or_else(|| skipped("?", "?>")) {
            rest = behind;
            continue;
        }
        if let Some(inner) = rest.strip_prefix("![CDATA[") {
            // What it hides may be the text of an element and is seen then.
            rest = inner;
            continue;
        }
        match rest.as_bytes().first() {
            Some(b'!') => return Err(Refused::DocumentType),
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(first) if first.is_ascii_alphabetic() || *first == b'_' || *first >= 0x80 => {
                let end = rest.find(['>', '<']).unwrap_or(rest.len());
                let (tag, behind) = rest.split_at(end);
                if tag.matches('=').count() > ATTRIBUTES {
                    return Err(Refused::Attributes);
                }
                if !tag.ends_with('/') {
                    depth += 1;
                }
                rest = behind;
            }
            // A `<` that is text.
            _ => {}
        }
        if depth > DEPTH {
            return Err(Refused::Depth);
        }
    }
    Ok(())
}

/// What the argument `name` of a request holds, unescaped once; markup that
/// was not escaped stays as it stands. None if there is no such argument.
pub fn argument(body: &str, name: &str) -> Option<String> {
    let argument = Xml::new(body).element(name)?;
    let source = argument.source().trim_start();
    let is_markup = source.starts_with('<') && !source.starts_with("<![CDATA[");
    Some(if is_markup { source.to_owned() } else { argument.text() })
}

/// The answer to `action` with these arguments, which are texts.
pub fn response(action: &str, arguments: &[(&str, &str)]) -> String {
    let name = format!("u:{action}Response xmlns:u=\"{SERVICE}\"");
    if arguments.is_empty() {
        return envelope(&format!("<{name}/>"));
    }
    let arguments: String = arguments
        .iter()
        .map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text)))
        .collect();
    envelope(&format!("<{name}>{arguments}</u:{action}Response>"))
}

/// A refusal by UPnP's code (ContentDirectory:1, 2.7.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What was announced makes no sense.
    BadMetadata,
    /// It makes sense and cannot be taken.
    CannotProcess,
}

/// The body of a refusal.
pub fn fault(fault: Fault) -> String {
    let (code, words) = match fault {
        Fault::BadMetadata => (712, "Bad metadata"),
        Fault::CannotProcess => (720, "Cannot process the request"),
    };
    envelope(&format!(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>\
         <UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
         <errorDescription>{words}</errorDescription></UPnPError></detail></s:Fault>"
    ))
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n\
         <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>{body}</s:Body>\
         </s:Envelope>"
    )
}

/// `text` as it stands in XML, within an element or between quotation marks.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of a camera for `action` with `arguments`.
    fn request(action: &str, arguments: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope \
             xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{action} \
             xmlns:u=\"{SERVICE}\">{arguments}</u:{action}></s:Body></s:Envelope>"
        )
    }

    #[test]
    fn an_action_is_named_by_the_header_or_the_body() {
        for header in [
            "\"urn:schemas-upnp-org:service:ContentDirectory:1#X_BACKUP_START\"",
            "urn:schemas-upnp-org:service:ContentDirectory:1#x_backup_start",
            "X_BACKUP_START",
        ] {
            assert_eq!(Action::of_header(header.as_bytes()), Action::Start, "{header}");
        }
        assert_eq!(Action::of_header(b"\"\""), Action::Unknown(String::new()));
        assert_eq!(Action::of_header(b"x#Browse"), Action::Unknown("Browse".to_owned()));
        let body = request("CreateObject", "");
        assert_eq!(Action::of_body(&body), Some(Action::CreateObject));
        assert_eq!(Action::of_body("<Body><X_BACKUP_DONE/></Body>"), Some(Action::Done));
        assert_eq!(Action::of_body("no XML"), None);
    }

    #[test]
    fn bombs_are_refused_and_requests_are_not() {
        assert_eq!(look_through(&request("X_BACKUP_START", "")), Ok(()));
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE s [<!ENTITY a \"AAAA\">]><s>&a;</s>";
        assert_eq!(look_through(bomb), Err(Refused::DocumentType));
        assert_eq!(look_through("<s><!entity x></s>"), Err(Refused::DocumentType));
        assert_eq!(look_through(&"<a>".repeat(30_000)), Err(Refused::Depth));
        assert_eq!(look_through(&"<a/>".repeat(30_000)), Ok(()));
        assert_eq!(look_through(&"<a></a>".repeat(30_000)), Ok(()));
        let attributes = format!("<a {}>", "x=\"1\" ".repeat(300));
        assert_eq!(look_through(&attributes), Err(Refused::Attributes));
        assert_eq!(look_through("a < b <!-- <!DOCTYPE --> <![CDATA[x]]>"), Ok(()));
    }

    #[test]
    fn an_argument_is_unescaped_once_whichever_way_it_was_escaped() {
        let escaped = request("CreateObject", "<Elements>&lt;a&gt;&amp;amp;&lt;/a&gt;</Elements>");
        assert_eq!(argument(&escaped, "Elements").unwrap(), "<a>&amp;</a>");
        let cdata = request("CreateObject", "<Elements><![CDATA[<a>&amp;</a>]]></Elements>");
        assert_eq!(argument(&cdata, "Elements").unwrap(), "<a>&amp;</a>");
        let nested = request("CreateObject", "<Elements> <a>&amp;</a></Elements>");
        assert_eq!(argument(&nested, "Elements").unwrap(), "<a>&amp;</a>");
        assert_eq!(argument(&request("CreateObject", ""), "Elements"), None);
    }

    #[test]
    fn an_answer_holds_texts_as_texts() {
        assert_eq!(
            response("X_BACKUP_START", &[]),
            "<?xml version=\"1.0\"?>\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
             <u:X_BACKUP_STARTResponse xmlns:u=\"urn:schemas-upnp-org:service:ContentDirectory:1\"/>\
             </s:Body></s:Envelope>"
        );
        let answer = response("CreateObject", &[("ObjectID", "1"), ("Result", "<a b=\"&amp;\"/>")]);
        assert!(answer.contains("<Result>&lt;a b=&quot;&amp;amp;&quot;/&gt;</Result>"), "{answer}");
        assert!(fault(Fault::BadMetadata).contains("<errorCode>712</errorCode>"));
    }
}
