//! Names beyond ASCII in headers, in the ways that clients write them: as
//! parameters of their own (RFC 8187, RFC 2231), as encoded words (RFC 2047),
//! or percent-encoded.

use base64::Engine as _;
use percent_encoding::percent_decode_str;

use super::parameters::parameters;
use crate::camera::base64::LENIENT;
use crate::text;

/// The value of a parameter, however it is encoded.
pub(super) fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    let mut pieces: Vec<(usize, bool, String)> = Vec::new();
    for (name, value) in parameters(header) {
        let Some(rest) = strip_prefix(name, wanted) else { continue };
        let (rest, is_encoded) = match rest.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        match (rest, is_encoded) {
            ("", false) => drop(plain.get_or_insert(value)),
            ("", true) => drop(extended.get_or_insert(value)),
            (number, _) => {
                let number = number.strip_prefix('*').and_then(|number| number.parse().ok());
                pieces.extend(number.map(|number| (number, is_encoded, value)));
            }
        }
    }
    let value = extended
        .map(|value| unescaped(&[(0, true, value)]))
        .or_else(|| {
            pieces.sort_by_key(|piece| piece.0);
            (!pieces.is_empty()).then(|| unescaped(&pieces))
        })
        .filter(|value| !value.is_empty());
    value.or_else(|| plain.map(|plain| percent_decoded(unworded(&plain))))
}

fn strip_prefix<'a>(name: &'a str, wanted: &str) -> Option<&'a str> {
    let (begin, rest) = name.split_at_checked(wanted.len())?;
    begin.eq_ignore_ascii_case(wanted).then_some(rest)
}

/// `EUC-KR'ko'%BF%A9`, perhaps in pieces of which the first tells the charset.
fn unescaped(pieces: &[(usize, bool, String)]) -> String {
    let mut charset = None;
    let mut bytes = Vec::new();
    for (at, (_, is_encoded, value)) in pieces.iter().enumerate() {
        let mut value = value.as_str();
        if at == 0
            && *is_encoded
            && let Some((found, rest)) = value.split_once('\'')
            && let Some((_, rest)) = rest.split_once('\'')
        {
            charset = Some(found);
            value = rest;
        }
        match is_encoded {
            true => bytes.extend(percent_decode_str(value)),
            false => bytes.extend(value.bytes()),
        }
    }
    text::decode(&bytes, charset).into_owned()
}

/// `text` with its encoded words decoded; blanks between two of them are none.
fn unworded(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let (before, behind) = rest.split_at(at);
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        match word(behind) {
            Some((word, behind)) => {
                decoded.push_str(&word);
                rest = behind;
                after_word = true;
            }
            None => {
                decoded.push_str("=?");
                rest = &behind["=?".len()..];
                after_word = false;
            }
        }
    }
    decoded + rest
}

/// The encoded word at the beginning of `text`, and what follows.
fn word(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (value, rest) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => LENIENT.decode(value.trim()).ok()?,
        "Q" | "q" => percent_decode_str(&value.replace('%', "%25").replace('=', "%"))
            .map(|byte| if byte == b'_' { b' ' } else { byte })
            .collect(),
        _ => return None,
    };
    // A language may stand behind the charset (RFC 2231 5).
    let charset = charset.split('*').next();
    Some((text::decode(&bytes, charset).into_owned(), rest))
}

/// What browsers do with a name that is not ASCII. A name that has a `%` of its
/// own keeps it.
fn percent_decoded(name: String) -> String {
    let bytes: Vec<u8> = percent_decode_str(&name).collect();
    match String::from_utf8(bytes) {
        Ok(decoded) if name.is_ascii() && !decoded.is_ascii() => decoded,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_name_beyond_ascii_is_read() {
        for header in [
            "form-data; filename*=UTF-8''%EC%97%AC%EB%A6%84%20a.JPG",
            "form-data; filename=\"x.JPG\"; FileName* = EUC-KR'ko'%BF%A9%B8%A7%20a.JPG",
            "form-data; filename*1*=%EB%A6%84%20a; filename*2=.JPG; filename*0*=utf-8''%EC%97%AC",
            "form-data; filename=\"=?utf-8?B?7Jes66aEIGEuSlBH?=\"",
            "form-data; filename=\"=?EUC-KR?Q?=BF=A9=B8=A7_a?= =?us-ascii?q?.JPG?=\"",
            "form-data; filename=\"%EC%97%AC%EB%A6%84 a.JPG\"",
        ] {
            assert_eq!(parameter(header, "filename").as_deref(), Some("여름 a.JPG"), "{header}");
        }
    }

    #[test]
    fn what_is_not_encoded_stays() {
        for name in ["50%25.JPG", "a=?b?=.JPG", "=?x?Z?y?=.JPG", "100%.JPG", "=?utf-8?B?!?=.JPG"] {
            let header = format!("form-data; filename=\"{name}\"; filename*=\"\"");
            assert_eq!(parameter(&header, "filename").as_deref(), Some(name));
        }
        assert_eq!(parameter("form-data; filenames=x", "filename"), None);
    }
}
