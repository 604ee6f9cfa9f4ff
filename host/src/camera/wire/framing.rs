//! How long a request says its body is, said anew where cameras say it in a
//! way that hyper refuses without a word that they know.

use std::str;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// The head does not say.
    Unsaid,
}

/// Why nobody can tell how long the body is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    /// No number, or several different ones.
    #[error("Content-Length {0:?} is no length")]
    Length(String),
    /// A coding that no camera uses.
    #[error("Transfer-Encoding {0:?} is not understood")]
    Coding(String),
}

/// How the body behind a repaired `head` ends, and the head with that in one
/// header at most.
pub(super) fn framing(head: &[u8]) -> Result<(Framing, Vec<u8>), Unclear> {
    let (mut lengths, mut codings) = (Vec::new(), Vec::new());
    let mut plain = Vec::with_capacity(head.len() + 32);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        match value(line, "content-length")
            .map(|value| (&mut lengths, value))
            .or_else(|| value(line, "transfer-encoding").map(|value| (&mut codings, value)))
        {
            Some((values, value)) => values.push(value),
            None => plain.extend_from_slice(line),
        }
    }
    let framing = match coding(&codings.join(","))? {
        true => Framing::Chunked,
        false => length(&lengths.join(","))?.map_or(Framing::Unsaid, Framing::Length),
    };
    plain.truncate(plain.len().saturating_sub("\r\n".len()));
    match framing {
        Framing::Length(length) => {
            plain.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        Framing::Chunked => plain.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Unsaid => {}
    }
    plain.extend_from_slice(b"\r\n");
    Ok((framing, plain))
}

/// The value of a header line of this name.
fn value(line: &[u8], name: &str) -> Option<String> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
    Some(String::from_utf8_lossy(value).trim().to_owned())
}

/// A length may stand there several times as long as it is the same.
fn length(values: &str) -> Result<Option<u64>, Unclear> {
    let mut length = None;
    for value in values.split(',').map(str::trim).filter(|value| !value.is_empty()) {
        let number = Some(value)
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse().ok());
        if number.is_none() || length.is_some_and(|length| Some(length) != number) {
            return Err(Unclear::Length(values.to_owned()));
        }
        length = number;
    }
    Ok(length)
}

/// Whether the body comes in chunks. `identity` says that it is as it is.
fn coding(values: &str) -> Result<bool, Unclear> {
    let mut codings = values
        .split(',')
        .map(|value| value.trim().to_ascii_lowercase())
        .filter(|value| !value.is_empty() && value != "identity");
    match (codings.next().as_deref(), codings.next()) {
        (None, _) => Ok(false),
        (Some("chunked"), None) => Ok(true),
        _ => Err(Unclear::Coding(values.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &str) -> Result<(Framing, String), Unclear> {
        let head = format!("POST / HTTP/1.1\r\nA: b\r\n{headers}\r\n");
        framing(head.as_bytes()).map(|(framing, head)| (framing, String::from_utf8(head).unwrap()))
    }

    #[test]
    fn equal_lengths_are_one() {
        for headers in [
            "Content-Length: 882\r\n",
            "Content-Length: 882\r\ncontent-length: 882\r\n",
            "Content-Length: 882, 882\r\n",
            "Content-Length: 0882,\r\nContent-Length:\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 882\r\n",
        ] {
            let (framing, head) = of(headers).unwrap();
            assert_eq!(framing, Framing::Length(882), "{headers}");
            assert_eq!(head, "POST / HTTP/1.1\r\nA: b\r\nContent-Length: 882\r\n\r\n");
        }
        assert_eq!(of("").unwrap().0, Framing::Unsaid);
    }

    #[test]
    fn no_length_is_guessed() {
        for value in ["882\r\nContent-Length: 883", "882, 1", "+882", "0x372", "-1", "8 82", "1e3"]
        {
            let refused = of(&format!("Content-Length: {value}\r\n"));
            assert!(matches!(refused, Err(Unclear::Length(_))), "{value}");
        }
        let endless = "9".repeat(40);
        assert!(of(&format!("Content-Length: {endless}\r\n")).is_err());
    }

    #[test]
    fn chunks_count_more_than_a_length_and_other_codings_are_refused() {
        let (framing, head) = of("Content-Length: 5\r\ntransfer-encoding: Chunked\r\n").unwrap();
        assert_eq!(framing, Framing::Chunked);
        assert_eq!(head, "POST / HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
        for value in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked"] {
            let refused = of(&format!("Transfer-Encoding: {value}\r\n"));
            assert_eq!(refused, Err(Unclear::Coding(value.to_owned())));
        }
    }
}
