//! Header fields as they go over the wire: ASCII, in lines that every server
//! takes, nothing in them that the reader has not been meant to see.

use afterimage_address::{Address, Mailbox};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line; RFC 5322 2.1.1 asks for 78.
const LINE: usize = 76;
/// Bytes of text in one encoded word, which has at most 75 characters
/// (RFC 2047 2): 12 around it, and 4 for 3; beside it, the name of its field.
const ENCODED: usize = 39;

/// `text`, unless it could end the line of its header.
pub(super) fn one_line<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(control) => Err(format!("{what} has a control character ({control:?})")),
        None => Ok(text),
    }
}

/// A field of free text: one line for the reader.
pub(super) fn text(name: &str, text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_plain = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        && !text.contains("=?")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && words.iter().all(|word| word.len() < LINE - 1);
    match is_plain {
        true => field(name, words.into_iter(), ""),
        false => field(name, encoded(text).iter().map(String::as_str), ""),
    }
}

/// A field of addresses. `in_utf8` is whether the server takes those outside
/// ASCII; for others they become what is left when an address must not be
/// there (RFC 6857 3.1.8).
pub(super) fn addresses(name: &str, addresses: &[&Address], in_utf8: bool) -> String {
    let written: Vec<String> = addresses.iter().map(|address| one(address, in_utf8)).collect();
    field(name, written.iter().map(String::as_str), ",")
}

/// A field of one address and the name of whose it is.
pub(super) fn mailbox(name: &str, mailbox: &Mailbox, in_utf8: bool) -> String {
    let Some(reader) = &mailbox.name else {
        return addresses(name, &[&mailbox.address], in_utf8);
    };
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    let words: Vec<&str> = reader.split(' ').collect();
    let mut written = if words.iter().all(|w| !w.is_empty() && w.bytes().all(is_atom))
        && !reader.contains("=?")
    {
        words.into_iter().map(str::to_owned).collect()
    } else if reader.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) && reader.len() < LINE {
        vec![format!("\"{}\"", reader.replace('\\', "\\\\").replace('"', "\\\""))]
    } else {
        encoded(reader)
    };
    written.push(match mailbox.address.is_ascii() || in_utf8 {
        true => format!("<{}>", mailbox.address),
        false => one(&mailbox.address, in_utf8),
    });
    field(name, written.iter().map(String::as_str), "")
}

fn one(address: &Address, in_utf8: bool) -> String {
    match address.is_ascii() || in_utf8 {
        true => address.to_string(),
        false => format!("{} :;", encoded(&address.to_string()).join("\r\n ")),
    }
}

/// `words` with a blank or the end of a line between them, and `separator`
/// before that.
fn field<'a>(name: &str, words: impl Iterator<Item = &'a str>, separator: &str) -> String {
    let mut field = format!("{name}:");
    let mut column = field.len();
    for (count, word) in words.enumerate() {
        if count > 0 {
            field.push_str(separator);
            column += separator.len();
        }
        // An empty line in the middle would be read as the end of the header.
        let fits = column + 1 + word.len() + separator.len() <= LINE || word.is_empty();
        if count > 0 && !fits {
            field.push_str("\r\n");
            column = 0;
        }
        field.push(' ');
        field.push_str(word);
        column += 1 + word.len();
    }
    field.push_str("\r\n");
    field
}

/// `text` in encoded words, none of which cuts a character in two.
fn encoded(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(ENCODED);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(&rest[..end])));
        rest = &rest[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader sees of a field, without what was encoded.
    fn unfolded(field: &str) -> String {
        let field = field.strip_suffix("\r\n").unwrap();
        for line in field.split("\r\n") {
            assert!(line.len() <= 78 && !line.trim().is_empty(), "{line:?}");
            assert!(line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{line:?}");
        }
        field.replace("\r\n", "")
    }

    #[test]
    fn a_text_stays_as_it_is_where_that_is_safe() {
        for written in ["Hello", "", "a  b", "word ".repeat(60).trim_end(), "to be: continued?"] {
            assert_eq!(unfolded(&text("Subject", written)), format!("Subject: {written}"));
        }
    }

    #[test]
    fn a_text_is_encoded_where_it_would_be_read_as_something_else() {
        let long = "x".repeat(3000);
        for written in [
            "Grüße 📷",
            "=?utf-8?B?SGk=?=",
            " a",
            "a ",
            "a\tb",
            &long,
            "\u{1b}[31m",
            &"여름".repeat(99),
        ] {
            let field = unfolded(&text("Subject", written));
            let words = field.strip_prefix("Subject: ").unwrap().split(' ');
            let read: Vec<u8> = words
                .flat_map(|word| {
                    let inner = word.strip_prefix("=?utf-8?B?").unwrap();
                    STANDARD.decode(inner.strip_suffix("?=").unwrap()).unwrap()
                })
                .collect();
            assert_eq!(String::from_utf8(read).unwrap(), written);
        }
    }

    #[test]
    fn many_addresses_stand_in_many_lines() {
        let many: Vec<Address> =
            (0..100).map(|n| format!("somebody.{n}@example.org").parse().unwrap()).collect();
        let field = unfolded(&addresses("To", &many.iter().collect::<Vec<_>>(), false));
        assert_eq!(field.matches(", ").count(), 99);
        let odd: Vec<Address> = ["user.@docomo.ne.jp", "\"john doe\"@x", "u@[192.168.1.5]"]
            .map(|written| written.parse().unwrap())
            .to_vec();
        let field = unfolded(&addresses("To", &odd.iter().collect::<Vec<_>>(), false));
        assert_eq!(field, "To: user.@docomo.ne.jp, \"john doe\"@x, u@[192.168.1.5]");
    }

    #[test]
    fn an_address_outside_ascii_is_written_for_those_who_can_read_it() {
        let address: Address = "jürgen@example.org".parse().unwrap();
        assert_eq!(addresses("To", &[&address], true), "To: jürgen@example.org\r\n");
        let field = unfolded(&addresses("To", &[&address], false));
        assert_eq!(field, "To: =?utf-8?B?asO8cmdlbkBleGFtcGxlLm9yZw==?= :;");
    }

    #[test]
    fn a_name_is_a_word_quoted_or_encoded() {
        let field = |name: &str| {
            let address = "me@example.org".parse().unwrap();
            unfolded(&mailbox("From", &Mailbox { name: Some(name.to_owned()), address }, false))
        };
        assert_eq!(field("Cameras Two"), "From: Cameras Two <me@example.org>");
        assert_eq!(field("A. \"B\", C"), "From: \"A. \\\"B\\\", C\" <me@example.org>");
        assert_eq!(field("Jürgen"), "From: =?utf-8?B?SsO8cmdlbg==?= <me@example.org>");
    }
}
