//! The head of a request, written as hyper takes it (`protocol.md` 2, D1, D4,
//! D25).

/// Where the empty line ends, or the only line of a request without version.
pub(crate) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    for at in memchr::memchr_iter(b'\n', &bytes[from..]) {
        let at = from + at;
        match bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]).last() {
            Some(b'\n') | None => return Some(at + 1),
            _ => {}
        }
        let first_line = memchr::memchr(b'\n', bytes) == Some(at);
        if first_line && memchr::memmem::find(&bytes[..at], b"HTTP/").is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Writes `head` as hyper takes it: one space between method, target and
/// version, the target without bytes that hyper refuses, HTTP/1.1 (cameras
/// that speak 1.0 expect the answer in 1.1, `protocol.md` 1.4), CRLF, folded
/// and broken header lines mended, a method in capitals, a path with the slash
/// that it begins with. None if there is no method and target.
pub(crate) fn repair(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines =
        head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    // An empty line before the request is allowed (RFC 9112 2.2).
    let request = lines.by_ref().find(|line| !line.is_empty())?;
    let mut words: Vec<&[u8]> =
        request.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
    if words.last()?.starts_with(b"HTTP/") {
        words.pop();
    }
    let (method, target) = words.split_first()?;
    if target.is_empty() || !method.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let mut repaired = Vec::with_capacity(head.len() + 16);
    repaired.extend(method.to_ascii_uppercase());
    repaired.push(b' ');
    let has_origin = memchr::memmem::find(target[0], b"://").is_some();
    if !has_origin && !target[0].starts_with(b"/") && target[0] != b"*" {
        repaired.push(b'/');
    }
    for (number, word) in target.iter().enumerate() {
        if number > 0 {
            repaired.extend_from_slice(b"%20");
        }
        for byte in *word {
            match byte {
                0x21..=0x7e if !b"\"<>\\^`{|}".contains(byte) => repaired.push(*byte),
                _ => repaired.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
    repaired.extend_from_slice(b" HTTP/1.1");
    let mut in_header = false;
    for line in lines {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if in_header {
                push_value(&mut repaired, line);
            }
            continue;
        }
        in_header = false;
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if name.is_empty() || !name.iter().all(|b| token(*b)) {
            continue;
        }
        repaired.extend_from_slice(b"\r\n");
        repaired.extend_from_slice(name);
        repaired.push(b':');
        push_value(&mut repaired, &value[1..]);
        in_header = true;
    }
    repaired.extend_from_slice(b"\r\n\r\n");
    Some(repaired)
}

/// Appends a space and a header's value or what continues it, if there is any.
fn push_value(repaired: &mut Vec<u8>, value: &[u8]) {
    let printable: Vec<u8> = value.iter().copied().filter(|byte| printable(*byte)).collect();
    let value = printable.trim_ascii();
    if !value.is_empty() {
        repaired.push(b' ');
        repaired.extend_from_slice(value);
    }
}

fn printable(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Characters of a header's name (RFC 9110 5.6.2).
fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(head: &str) -> Option<String> {
        repair(head.as_bytes()).map(|head| String::from_utf8(head).unwrap())
    }

    #[test]
    fn two_spaces_before_the_version_are_one() {
        assert_eq!(
            repaired("POST /social/columbus/email?DUID=1  HTTP/1.0 \r\nx-osp-version:v1\r\n\r\n"),
            Some("POST /social/columbus/email?DUID=1 HTTP/1.1\r\nx-osp-version: v1\r\n\r\n".into())
        );
    }

    #[test]
    fn raw_spaces_and_bytes_in_a_target_are_encoded() {
        assert_eq!(
            repaired("PUT /upload/a b\u{e4}.jpg HTTP/1.1\n\n"),
            Some("PUT /upload/a%20b%C3%A4.jpg HTTP/1.1\r\n\r\n".into())
        );
    }

    #[test]
    fn folded_and_broken_header_lines_are_mended() {
        assert_eq!(
            repaired("GET / HTTP/1.1\r\nA : 1\r\n 2\r\nno colon\r\nB:\u{1}x\r\n\r\n"),
            Some("GET / HTTP/1.1\r\nA: 1 2\r\nB: x\r\n\r\n".into())
        );
    }

    #[test]
    fn a_line_that_continues_nothing_is_left_out() {
        assert_eq!(
            repaired("GET / HTTP/1.1\r\n folded\r\nA: 1\r\nbroken\r\n  of it\r\n\r\n"),
            Some("GET / HTTP/1.1\r\nA: 1\r\n\r\n".into())
        );
    }

    #[test]
    fn a_request_without_version_is_its_line() {
        assert_eq!(end_of_head(b"GET /\r\n", 0), Some(7));
        assert_eq!(repaired("GET /\r\n"), Some("GET / HTTP/1.1\r\n\r\n".into()));
    }

    #[test]
    fn a_method_is_in_capitals_and_a_path_begins_with_a_slash() {
        assert_eq!(
            repaired("put upload/a HTTP/1.0\r\n\r\n"),
            Some("PUT /upload/a HTTP/1.1\r\n\r\n".into())
        );
    }

    #[test]
    fn what_is_not_http_is_no_request() {
        assert_eq!(repaired("\r\n\r\n"), None);
        assert_eq!(repaired("hello\r\n\r\n"), None);
    }

    #[test]
    fn the_empty_line_is_found_across_reads() {
        let head = b"GET / HTTP/1.0\r\nHost: x\r\n\r\nbody";
        for cut in 1..head.len() - 4 {
            let first = end_of_head(&head[..cut], 0);
            let found = first.or_else(|| end_of_head(head, cut.saturating_sub(3)));
            assert_eq!(found, Some(head.len() - 4), "cut at {cut}");
        }
    }
}
