//! What the headers of a multipart body and of its parts say.
//!
//! Cameras write names in odd case and semicolons at odd places
//! (`protocol.md` 2, D7-D9), so what can be read is, and what cannot is absent.

use super::parameters::parameter;
use super::words;
use crate::text;

/// What the headers of a part say, `protocol.md` 3.6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// `name` of the `Content-Disposition`, `message` or `binary` in an
    /// e-mail; empty if there is none.
    pub name: String,
    /// `filename` in any case and any of the ways to encode it, or the `name`
    /// of the `Content-Type`: it may hold a path or be hostile.
    pub file_name: Option<String>,
    /// The text of `Content-Type` as sent. The NX300 claims
    /// `multipart/form-data;` for an XML text (`protocol.md` 2 (D9)).
    pub content_type: Option<String>,
    /// The text of `Content-Transfer-Encoding` as sent.
    pub transfer_encoding: Option<String>,
}

impl Part {
    /// Reads headers that stand one per line, each ended by LF and unfolded; of
    /// several with the same name the first counts. `charset` is what they are
    /// encoded in if they do not tell.
    pub(super) fn parse(headers: &[u8], charset: Option<&str>) -> Self {
        let mut disposition = None;
        let mut part = Self::default();
        for line in headers.split(|&byte| byte == b'\n') {
            let line = text::decode(line, charset);
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let field = match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => &mut disposition,
                "content-type" => &mut part.content_type,
                "content-transfer-encoding" => &mut part.transfer_encoding,
                _ => continue,
            };
            field.get_or_insert_with(|| value.trim().to_owned());
        }
        let disposition = disposition.unwrap_or_default();
        part.name = parameter(&disposition, "name").unwrap_or_default();
        part.file_name = words::parameter(&disposition, "filename")
            .or_else(|| words::parameter(part.content_type.as_deref()?, "name"));
        part
    }

    /// What the part says its text is encoded in.
    pub fn charset(&self) -> Option<String> {
        parameter(self.content_type.as_deref()?, "charset")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &[u8]) -> Part {
        Part::parse(headers, None)
    }

    #[test]
    fn header_and_parameter_names_come_in_any_case() {
        let part = parse(b"CONTENT-disposition : form-data;NAME=x ;FileNAME = \"y z\";;");
        assert_eq!(part.name, "x");
        assert_eq!(part.file_name.as_deref(), Some("y z"));
        assert_eq!(part.content_type, None);
    }

    #[test]
    fn a_part_without_a_name_has_an_empty_one() {
        let part = parse(b"Content-Type: image/jpeg");
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
            let part = parse(header.as_bytes());
            assert_eq!(part.file_name.as_deref(), Some(meant));
        }
    }

    #[test]
    fn names_come_in_any_encoding() {
        let name = |header: &[u8], charset| Part::parse(header, charset).file_name.unwrap();
        let utf8 = "Content-Disposition: form-data; filename=\"여름 Küche.JPG\"".as_bytes();
        assert_eq!(name(utf8, Some("EUC-KR")), "여름 Küche.JPG");
        assert_eq!(name(b"Content-Disposition: x; filename=K\xfcche.JPG", None), "Küche.JPG");
        let korean = b"Content-Disposition: x; fileName=\"\xbf\xa9\xb8\xa7.JPG\"";
        assert_eq!(name(korean, None), "여름.JPG");
        // Too short to tell by itself.
        let korean = b"Content-Disposition: x; fileName=\"\xc7\xd1.JPG\"";
        assert_eq!(name(korean, Some("EUC-KR")), "한.JPG");
    }

    #[test]
    fn a_name_may_stand_in_the_type_as_of_old_mail() {
        let part = parse(b"Content-Type: image/jpeg; name=\"A.JPG\"");
        assert_eq!((part.name.as_str(), part.file_name.as_deref()), ("", Some("A.JPG")));
        assert_eq!(
            parse(b"Content-Type: text/xml; Charset=\"EUC-KR\"").charset().unwrap(),
            "EUC-KR"
        );
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
