//! What could be used to log in elsewhere is made unreadable, byte by byte, so
//! that lengths and places stay as they were.

/// Header lines whose value is a secret.
const HEADERS: [&str; 4] = ["authorization:", "proxy-authorization:", "cookie:", "set-cookie:"];

/// What stands before the key of a session in the target of a PUT and of a
/// login by OAuth (`protocol.md` 3.5, 6).
const KEYS: [&str; 2] = ["/upload/", "snsgwkey="];

/// Attributes whose value is a secret, each behind the text that leads to it.
/// The key of a login is sent along with it, so the values are no less secret
/// for being encrypted (`protocol.md` 4.5).
const ATTRIBUTES: [(&str, &str); 5] = [
    ("<UserName", "Value"),
    ("<Password", "Value"),
    ("<CryptSessionKey", "Value"),
    ("<Request", "SessionKey"),
    ("<Request", "CameraCryptKey"),
];

/// Elements whose text is a secret.
const ELEMENTS: [&str; 2] = ["<password>", "<loginID>"];

/// `request` with an `x` for each byte of a secret.
pub(super) fn masked(request: &[u8]) -> Vec<u8> {
    let mut masked = request.to_vec();
    let head = memchr::memmem::find(request, b"\r\n\r\n").unwrap_or(request.len());
    let mut line = 0;
    let mut in_secret = false;
    while line < head {
        let end = memchr::memchr(b'\n', &request[line..head]).map_or(head, |at| line + at + 1);
        let text = &request[line..end];
        let name = HEADERS.iter().find(|name| {
            text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name.as_bytes()))
        });
        // A line that begins with a blank goes on with the one before.
        in_secret = name.is_some() || (in_secret && matches!(text[0], b' ' | b'\t'));
        if in_secret {
            cover(&mut masked[line + name.map_or(0, |name| name.len())..end]);
        }
        line = end;
    }
    for lead in KEYS {
        mask_behind(&mut masked, lead, |byte| !byte.is_ascii_alphanumeric());
    }
    for (element, attribute) in ATTRIBUTES {
        mask_attribute(&mut masked, element, attribute);
    }
    for element in ELEMENTS {
        mask_behind(&mut masked, element, |byte| byte == b'<');
    }
    masked
}

/// Masks what follows each `lead`, in whatever case, until `ends`.
fn mask_behind(bytes: &mut [u8], lead: &str, ends: impl Fn(u8) -> bool) {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], lead) {
        let start = from + at + lead.len();
        let end = bytes[start..].iter().position(|&byte| ends(byte));
        let end = end.map_or(bytes.len(), |length| start + length);
        cover(&mut bytes[start..end]);
        from = end;
    }
}

/// Masks the values of `attribute` in each tag that begins with `element`.
fn mask_attribute(bytes: &mut [u8], element: &str, attribute: &str) {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], element) {
        let tag = from + at + element.len();
        let end = memchr::memchr(b'>', &bytes[tag..]).map_or(bytes.len(), |at| tag + at);
        let mut place = tag;
        while let Some(at) = find(&bytes[place..end], attribute) {
            let value = place + at + attribute.len();
            let Some(equals) = bytes[value..end].iter().position(|byte| *byte == b'=') else {
                break;
            };
            let open = value + equals + 1;
            let Some(quote) = bytes[open..end].iter().position(|b| *b == b'"' || *b == b'\'')
            else {
                cover(&mut bytes[open..end]);
                break;
            };
            let start = open + quote + 1;
            let close = memchr::memchr(bytes[start - 1], &bytes[start..end]);
            let close = close.map_or(end, |length| start + length);
            cover(&mut bytes[start..close]);
            place = close;
        }
        from = end;
    }
}

fn cover(secret: &mut [u8]) {
    for byte in secret.iter_mut().filter(|byte| byte.is_ascii_graphic() || **byte >= 0x80) {
        *byte = b'x';
    }
}

/// Where `text` stands, in whatever case.
fn find(bytes: &[u8], text: &str) -> Option<usize> {
    let first = text.as_bytes()[0];
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes).find(
        |&at| {
            bytes[at..].get(..text.len()).is_some_and(|t| t.eq_ignore_ascii_case(text.as_bytes()))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered_and_nothing_moves() {
        let request = b"PUT /upload/0123abcd/SAM.JPG HTTP/1.1\r\nAUTHORIZATION:OAuth a=\"k3y\"\r\n\
            Host: h\r\n\r\n<Request Method=\"login\" SessionKey='s1d' CameraCryptKey=\"844e\">\
            <UserName Value=\"7xK%3D\"/><Password\nvalue=\"U%2B\"/><CryptSessionKey Use=\"true\" \
            Value=\"////\"/><password>pw</password>Authorization: stays";
        let masked = masked(request);
        assert_eq!(
            String::from_utf8(masked.clone()).unwrap(),
            "PUT /upload/xxxxxxxx/SAM.JPG HTTP/1.1\r\nAUTHORIZATION:xxxxx xxxxxxx\r\n\
            Host: h\r\n\r\n<Request Method=\"login\" SessionKey='xxx' CameraCryptKey=\"xxxx\">\
            <UserName Value=\"xxxxxx\"/><Password\nvalue=\"xxxx\"/><CryptSessionKey Use=\"true\" \
            Value=\"xxxx\"/><password>xx</password>Authorization: stays"
        );
        assert_eq!(masked.len(), request.len());
    }

    #[test]
    fn a_secret_may_go_on_in_the_next_line_and_stand_in_an_address() {
        let request = b"GET /skydrive/auth/callback?snsgwkey=30e981fb&a=b HTTP/1.1\r\n\
            Authorization:OAuth\r\n a=\"k3y\"\r\nHost: h\r\n\r\n";
        assert_eq!(
            String::from_utf8(masked(request)).unwrap(),
            "GET /skydrive/auth/callback?snsgwkey=xxxxxxxx&a=b HTTP/1.1\r\n\
            Authorization:xxxxx\r\n xxxxxxx\r\nHost: h\r\n\r\n"
        );
    }

    #[test]
    fn a_request_that_ends_in_a_secret_is_covered_to_its_end() {
        for request in ["GET / HTTP/1.0\r\nCookie: a=b", "\r\n\r\n<Password Value=\"abc"] {
            let masked = String::from_utf8(masked(request.as_bytes())).unwrap();
            assert!(masked.ends_with("xxx") && masked.len() == request.len(), "{masked}");
        }
    }
}
