//! E-mail addresses: what a mail server can be asked to take.
//!
//! Taken are the mailboxes of RFC 5321 4.1.2, those of RFC 6531 (letters of
//! any script), and those that are none and exist all the same: dots in any
//! place (`user.@docomo.ne.jp`, given out by the thousand), names longer than
//! 64 bytes, `_` in the name of a machine. They pass as they are written;
//! whether somebody lives there, the server knows. What is refused could end
//! the command or be read as something else than one address.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Bytes of a whole address: 64 before the `@` and 255 after it.
const LONGEST: usize = 320;
/// Bytes of a domain (RFC 5321 4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;
/// Bytes of one label of a domain (RFC 1035 2.3.4).
const LONGEST_LABEL: usize = 63;

/// One address, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    local: String,
    domain: String,
}

/// Why a text is no address. Its words fit behind "is no address: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnAddress(String);

impl Address {
    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands behind it: a name, or an address in square brackets.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same with another spelling of the domain.
    #[must_use]
    pub fn with_domain(self, domain: String) -> Self {
        Self { domain, ..self }
    }

    /// Whether every mail server can be told this address.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(written: &str) -> Result<Self, NotAnAddress> {
        if written.len() > LONGEST {
            return no(format!("it has {} bytes, {LONGEST} are allowed", written.len()));
        }
        let at = match written.starts_with('"') {
            true => quoted(written)?,
            false => written.rfind('@'),
        };
        let Some(at) = at else { return no("there is no @ in it") };
        let (local, domain) = (&written[..at], &written[at + 1..]);
        if !local.starts_with('"') {
            check_local(local)?;
        }
        match domain.strip_prefix('[') {
            Some(literal) => check_literal(literal)?,
            None => check_domain(domain)?,
        }
        Ok(Self { local: local.to_owned(), domain: domain.to_owned() })
    }
}

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAnAddress {}

fn no<T>(why: impl Into<String>) -> Result<T, NotAnAddress> {
    Err(NotAnAddress(why.into()))
}

/// Where the `@` behind a quoted name is, if its quotes end (RFC 5321's
/// `Quoted-string`).
fn quoted(written: &str) -> Result<Option<usize>, NotAnAddress> {
    let mut escaped = false;
    for (at, character) in written.char_indices().skip(1) {
        if is_invisible(character) {
            return no(format!("{character:?} stands in it"));
        }
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok(Some(at + 1).filter(|_| written[at + 1..].starts_with('@'))),
            _ => {}
        }
    }
    no("its quotes have no end")
}

/// A name without quotes: letters, digits, `.` anywhere and the characters of
/// RFC 5322's `atext`.
fn check_local(local: &str) -> Result<(), NotAnAddress> {
    if local.is_empty() {
        return no("nothing stands before the @");
    }
    let fits = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c),
        false => !is_invisible(c),
    };
    match local.chars().find(|c| !fits(*c)) {
        Some(character) => no(format!("{character:?} stands before the @")),
        None => Ok(()),
    }
}

fn check_domain(domain: &str) -> Result<(), NotAnAddress> {
    if domain.is_empty() {
        return no("nothing stands behind the @");
    }
    if domain.len() > LONGEST_DOMAIN {
        return no(format!("its domain has {} bytes", domain.len()));
    }
    let fits = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "-_.".contains(c),
        false => !is_invisible(c),
    };
    if let Some(character) = domain.chars().find(|c| !fits(*c)) {
        return no(format!("{character:?} stands behind the @"));
    }
    // The full stops that internationalised names may have (RFC 3490 3.1).
    let labels = domain.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']);
    for label in labels {
        if label.is_empty() {
            return no("a dot of its domain has nothing before or behind it");
        }
        if label.is_ascii() && label.len() > LONGEST_LABEL {
            return no(format!("a part of its domain has {} bytes", label.len()));
        }
    }
    Ok(())
}

/// The rest of `[192.0.2.1]`, `[IPv6:2001:db8::1]` or `[tag:text]`.
fn check_literal(literal: &str) -> Result<(), NotAnAddress> {
    let Some(inner) = literal.strip_suffix(']') else { return no("its [ has no ] at the end") };
    let is_address = match inner.split_once(':') {
        None => inner.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        Some((tag, text)) => {
            let is_tag = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            let is_text = |b: u8| b.is_ascii_graphic() && !b"[\\]<>".contains(&b);
            let ends_well = tag.bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric());
            ends_well && tag.bytes().all(is_tag) && !text.is_empty() && text.bytes().all(is_text)
        }
    };
    match is_address && literal.len() < LONGEST_DOMAIN {
        true => Ok(()),
        false => no(format!("[{inner}] is no address of a machine")),
    }
}

/// What nobody sees or types: controls, blanks outside ASCII, marks that turn
/// the writing round. Blanks of ASCII pass, where quotes allow them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

/// An address with a name for the reader: `me@example.org`, or
/// `Me <me@example.org>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name, as it is read.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

impl FromStr for Mailbox {
    type Err = NotAnAddress;

    fn from_str(written: &str) -> Result<Self, NotAnAddress> {
        let written = written.trim();
        let named = written.strip_suffix('>').and_then(|rest| rest.rsplit_once('<'));
        let Some((name, address)) = named else {
            return Ok(Self { name: None, address: written.parse()? });
        };
        let name = name.trim();
        if name.chars().any(is_invisible) {
            return no("its name has a character that nobody sees");
        }
        let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => name.to_owned(),
        };
        let name = Some(name).filter(|name| !name.is_empty());
        Ok(Self { name, address: address.trim().parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_rfc_5321_and_those_that_live_without_it_pass_as_they_are() {
        for written in [
            "anna@example.org",
            "o'brien+photos@mail.example.co.uk",
            "!#$%&'*+-/=?^_`{|}~@example.org",
            "user.@docomo.ne.jp",
            "a..b@ezweb.ne.jp",
            ".dots.@example.org",
            "\"john doe\"@example.org",
            "\"a@b\\\"c\\\\\"@example.org",
            "\"\"@example.org",
            "u@[192.168.1.5]",
            "u@[IPv6:2001:db8::1]",
            "u@[tag:x.25-address]",
            "cam@nas",
            "u@my_host.lan",
            "u@-odd-.example.org",
            "u@xn--bcher-kva.example",
            "jürgen@bücher.example",
            "写真@例え.テスト",
            "u%relay.example@example.org",
        ] {
            let address: Address = written.parse().unwrap_or_else(|why| panic!("{written}: {why}"));
            assert_eq!(address.to_string(), written);
        }
        let long = format!("{}@{}.example.org", "a".repeat(80), "b".repeat(63));
        assert_eq!(long.parse::<Address>().map(|a| a.to_string()), Ok(long));
    }

    #[test]
    fn what_is_not_one_address_is_none_and_says_why() {
        for (written, why) in [
            ("", "no @"),
            ("not an address", "no @"),
            ("a b@example.org", "' ' stands before"),
            ("@example.org", "nothing stands before"),
            ("x@", "nothing stands behind"),
            ("x@y;", "';' stands behind"),
            ("a@x,b@y", "stands before"),
            ("mailto:a@x", "':' stands before"),
            ("a@b@c", "'@' stands before"),
            ("a@bücher..example", "a dot of its domain"),
            ("a@example.org.", "a dot of its domain"),
            ("a@.example.org", "a dot of its domain"),
            ("Anna <a@x>", "stands before"),
            ("<a@x>", "stands before"),
            ("a@x>", "'>' stands behind"),
            ("a@x ", "' ' stands behind"),
            ("a@x\r\nBcc: b@y", "stands"),
            ("a\u{200b}@x", "stands before"),
            ("a@x\u{202e}", "stands behind"),
            ("\"a\r\n\"@x", "stands in it"),
            ("\"a@x", "no end"),
            ("\"a\"b@x", "no @"),
            ("\"a\\\"@x", "no end"),
            ("u@[192.168.1]", "no address of a machine"),
            ("u@[IPv6:nonsense]", "no address of a machine"),
            ("u@[192.168.1.5", "no ]"),
            ("u@[:x]", "no address of a machine"),
        ] {
            let error =
                written.parse::<Address>().map_or_else(|e| e.to_string(), |a| a.to_string());
            assert!(error.contains(why), "{written:?}: {error}");
        }
        assert!(format!("a@{}.org", "b".repeat(64)).parse::<Address>().is_err());
        assert!(format!("a@{}org", "b.".repeat(128)).parse::<Address>().is_err());
        assert!(format!("{}@x", "a".repeat(LONGEST)).parse::<Address>().is_err());
    }

    #[test]
    fn a_mailbox_has_a_name_or_none() {
        let mailbox = |written: &str| {
            let mailbox: Mailbox = written.parse().ok()?;
            Some((mailbox.name.unwrap_or_default(), mailbox.address.to_string()))
        };
        let is = |name: &str| Some((name.to_owned(), "me@example.org".to_owned()));
        assert_eq!(mailbox("me@example.org"), is(""));
        assert_eq!(mailbox(" <me@example.org>"), is(""));
        assert_eq!(mailbox("Me Too <me@example.org>"), is("Me Too"));
        assert_eq!(mailbox("\"Me, \\\"Too\\\"\" <me@example.org>"), is("Me, \"Too\""));
        assert_eq!(mailbox("Me\r\nBcc: x <me@example.org>"), None);
        assert_eq!(mailbox("Me <me>"), None);
    }
}
