//! What the headers of a multipart body and of its parts say.
//!
//! Cameras write names in odd case and semicolons at odd places
//! (`protocol.md` 2, D7-D9), so what can be read is, and what cannot is absent.

use crate::text;

/// What the headers of a part say, `protocol.md` 3.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `name` of the `Content-Disposition`, `message` or `binary` in an
    /// e-mail; empty if there is none.
    pub name: String,
    /// `filename` in any case, as sent: it may hold a path or be hostile.
    pub file_name: Option<String>,
    /// The text of `Content-Type` as sent. The NX300 claims
    /// `multipart/form-data;` for an XML text (`protocol.md` 2 (D9)).
    pub content_type: Option<String>,
}

impl Part {
    /// Reads headers that stand one per line, each ended by LF and unfolded; of
    /// several with the same name the first counts.
    pub(super) fn parse(headers: &[u8]) -> Self {
        let mut disposition = None;
        let mut content_type = None;
        for line in headers.split(|&byte| byte == b'\n') {
            let line = text::decode(line, None);
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let field = match name.trim() {
                name if name.eq_ignore_ascii_case("content-disposition") => &mut disposition,
                name if name.eq_ignore_ascii_case("content-type") => &mut content_type,
                _ => continue,
            };
            field.get_or_insert_with(|| value.trim().to_owned());
        }
        let disposition = disposition.unwrap_or_default();
        Self {
            name: parameter(&disposition, "name").unwrap_or_default(),
            file_name: parameter(&disposition, "filename"),
            content_type,
        }
    }
}

/// The boundary in the `Content-Type` of a request, `None` if there is none, if
/// it exceeds 200 bytes or holds control characters.
///
/// The parameter is found in any case, with or without quotes, and among empty
/// parameters (`protocol.md` 2 (D8, D9)). The media type is not looked at.
pub fn boundary(content_type: &str) -> Option<String> {
    // RFC 2046 allows 70 characters; blanks at the end would be taken for the
    // padding of the delimiter line.
    let boundary = parameter(content_type, "boundary")?.trim().to_owned();
    let usable = (1..=200).contains(&boundary.len()) && !boundary.contains(char::is_control);
    usable.then_some(boundary)
}

/// The value of a parameter in a header like `form-data; name="x"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find([';', '=']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix('=') else {
            continue;
        };
        let value = value.trim_start();
        let decoded;
        (decoded, rest) = match value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
                (value.trim_end().to_owned(), rest)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(decoded);
        }
    }
}

/// A quoted value from behind its opening quote, and what follows it.
///
/// Old browsers send whole Windows paths, so a backslash counts only before a
/// quote or another backslash.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        let escaped = characters.as_str().chars().next();
        match (character, escaped) {
            ('"', _) => break,
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                value.push(escaped);
                characters.next();
            }
            _ => value.push(character),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_parameter_names_come_in_any_case() {
        let part = Part::parse(b"CONTENT-disposition : form-data;NAME=x ;FileNAME = \"y z\";;");
        assert_eq!(part.name, "x");
        assert_eq!(part.file_name.as_deref(), Some("y z"));
        assert_eq!(part.content_type, None);
    }

    #[test]
    fn a_part_without_a_name_has_an_empty_one() {
        let part = Part::parse(b"Content-Type: image/jpeg");
        assert_eq!((part.name.as_str(), part.file_name), ("", None));
    }

    #[test]
    fn backslashes_escape_only_quotes_and_themselves() {
        for (sent, meant) in [
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#""C:\photos\SAM.JPG""#, r"C:\photos\SAM.JPG"),
            (r"C:\photos", r"C:\photos"),
            (r#""a;b=c""#, "a;b=c"),
            (r#""open"#, "open"),
            (r#""open\"#, r"open\"),
            (r#""""#, ""),
        ] {
            let header = format!("Content-Disposition: form-data; filename={sent}");
            let part = Part::parse(header.as_bytes());
            assert_eq!(part.file_name.as_deref(), Some(meant));
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_latin1() {
        let part = Part::parse("Content-Disposition: form-data; name=Küche".as_bytes());
        assert_eq!(part.name, "Küche");
        let part = Part::parse(b"Content-Disposition: form-data; name=K\xfcche");
        assert_eq!(part.name, "Küche");
    }

    #[test]
    fn the_boundary_parameter_is_read_leniently() {
        for (header, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=utf-8; BOUNDARY = \"a b;c\" ;", Some("a b;c")),
            ("Multipart/Form-Data;boundary=abc ; ;", Some("abc")),
            ("multipart/form-data; boundary=a=b", Some("a=b")),
            ("multipart/form-data; xboundary=1; boundary=2", Some("2")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary", None),
            ("multipart/form-data; boundary=\"a\nb\"", None),
            ("multipart/form-data", None),
            ("", None),
        ] {
            assert_eq!(boundary(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn a_boundary_has_200_bytes_at_most() {
        let longest = "x".repeat(200);
        assert_eq!(boundary(&format!("a; boundary={longest}")).unwrap(), longest);
        assert_eq!(boundary(&format!("a; boundary={longest}x")), None);
    }
}
