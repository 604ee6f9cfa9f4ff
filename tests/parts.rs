//! Parts of an e-mail: which is what, how it is named, encoded and ended
//! (`protocol.md` 2, 3.6). No camera hears OK for what was thrown away.

use std::io::Write;
use std::path::PathBuf;

use crate::fixture::{Answer, BOUNDARY, J1, PHOTO, Request, SUCCESS, Server, V1, message_part};

const TEXT: &str = "<email><sender>Camera@samsungcamera.com</sender><receiverList>\
    <receiver>a@example.org</receiver></receiverList><title>t</title><body>b</body></email>";

/// An e-mail of these parts, each with its headers and content.
fn email(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = message_part(TEXT);
    for (headers, content) in parts {
        let headers = if headers.is_empty() { String::new() } else { format!("{headers}\r\n") };
        body.extend(format!("\r\n--{BOUNDARY}\r\n{headers}\r\n").bytes());
        body.extend_from_slice(content);
    }
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    Request::with_body(&body)
}

#[track_caller]
fn only(server: &Server, name: &str, bytes: &[u8]) {
    let (found, stored) = server.only_stored();
    assert_eq!(found, name);
    assert!(stored == bytes, "{} bytes of {}", stored.len(), bytes.len());
}

#[test]
fn a_photo_is_kept_whatever_its_part_is_called() {
    for (headers, name) in [
        ("Content-Disposition: form-data; name=\"file\"; filename=\"A.JPG\"", "A.JPG"),
        ("Content-Disposition: form-data; name=\"binary1\"; filename=\"A.JPG\"", "A.JPG"),
        ("Content-Disposition: form-data; name=\"photo\"\r\nContent-Type: image/jpeg", "photo.jpg"),
        ("Content-Disposition: form-data; name=\"Binary\"", "photo.jpg"),
        ("Content-Disposition: attachment; filename=A.JPG", "A.JPG"),
        ("Content-Type: image/jpeg; name=A.JPG", "A.JPG"),
        ("Content-Type: image/jpeg", "photo.jpg"),
        ("", "photo.jpg"),
    ] {
        let server = Server::start("");
        assert_eq!(server.send(&email(&[(headers, PHOTO)])).body, SUCCESS, "{headers}");
        only(&server, name, PHOTO);
    }
}

#[test]
fn a_part_that_is_neither_text_nor_file_is_an_error_unless_it_is_empty() {
    let server = Server::start("");
    let photo = ("Content-Disposition: form-data; name=binary; filename=A.JPG", J1);
    let field = "Content-Disposition: form-data; name=\"DUID\"";
    for content in [&b"1"[..], b"<xml/>"] {
        server.send(&email(&[photo, (field, content)])).assert_error(400, "Unknown part");
        server.logged(&["request refused", "\"DUID\""]);
    }
    server.send(&email(&[photo, ("", b"what is it")])).assert_error(400, "Unknown part");
    assert!(server.stored().is_empty());
    assert_eq!(server.send(&email(&[photo, (field, b""), ("", b"")])).body, SUCCESS);
    only(&server, "A.JPG", J1);
}

#[test]
fn the_text_is_found_whatever_its_part_is_called() {
    for headers in ["Content-Disposition: form-data; name=\"Message\"", "Content-Type: text/xml"] {
        let server = Server::start("");
        let body = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg; name=A.JPG\r\n\r\nx\r\n--{BOUNDARY}\r\n\
             {headers}\r\n\r\n<?xml version=\"1.0\"?>{TEXT}\r\n--{BOUNDARY}--\r\n"
        );
        assert_eq!(server.send(&Request::with_body(body.as_bytes())).body, SUCCESS, "{headers}");
        only(&server, "A.JPG", b"x");
    }
}

#[test]
fn an_empty_file_is_left_out_and_named_beside_good_ones() {
    let server = Server::start("");
    let request = Request::new().file("GOOD.JPG", J1).and_file("EMPTY.JPG", b"");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    only(&server, "GOOD.JPG", J1);
    server.logged(&["WARN", "EMPTY.JPG", "is empty"]);
}

#[test]
fn a_part_in_base64_or_quoted_printable_is_decoded() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(PHOTO);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
    let quoted: String = PHOTO.iter().map(|byte| format!("={byte:02X}")).collect();
    let head = "Content-Type: image/jpeg; name=A.JPG\r\nContent-Transfer-Encoding:";
    for (coding, content) in [
        ("base64", lines.join("\r\n").into_bytes()),
        ("Quoted-Printable", quoted.into_bytes()),
        ("binary", PHOTO.to_vec()),
        ("base64", PHOTO.to_vec()),
    ] {
        let server = Server::start("");
        let request = email(&[(&format!("{head} {coding}"), &content)]);
        assert_eq!(server.send(&request).body, SUCCESS, "{coding}");
        only(&server, "A.JPG", PHOTO);
    }
    let server = Server::start("");
    let broken = [lines.join("\r\n").as_bytes(), b"!broken!"].concat();
    let request = email(&[(&format!("{head} base64"), &broken)]);
    server.send(&request).assert_error(400, "base64");
    let request = email(&[(&format!("{head} x-uuencode"), b"x")]);
    server.send(&request).assert_error(400, "Content-Transfer-Encoding");
    assert!(server.stored().is_empty());
}

#[test]
fn every_stored_file_has_a_name_and_an_extension_that_fits_it() {
    let server = Server::start("");
    let header = |name: &[u8]| {
        [
            b"Content-Disposition: form-data; name=\"binary\"; ",
            name,
            b"\r\nContent-Type: image/jpeg",
        ]
        .concat()
    };
    let korean = b"fileName=\"\xbf\xa9\xb8\xa7 \xc8\xde\xb0\xa1.JPG\"";
    let mut body = message_part(TEXT);
    for (number, name) in [
        &b"filename*=UTF-8''%EC%97%AC%EB%A6%84.JPG"[..],
        b"filename=\"=?UTF-8?B?7Jes66aE7J20LkpQRw==?=\"",
        korean,
        b"filename=\"\"",
        b"filename=\"...JPG\"",
        b"filename=\"SAM_0001\"",
    ]
    .iter()
    .enumerate()
    {
        body.extend(format!("\r\n--{BOUNDARY}\r\n").bytes());
        body.extend(header(name));
        body.extend(format!("\r\n\r\n{number}").bytes());
    }
    body.extend(
        format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: application/x\r\n\
        Content-Disposition: x; filename=\"MOV\"\r\n\r\n"
        )
        .bytes(),
    );
    body.extend_from_slice(V1);
    assert_eq!(server.send(&Request::with_body(&body)).body, SUCCESS);
    let names: Vec<String> = server
        .stored()
        .keys()
        .map(|path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut expected = [
        "여름.JPG",
        "여름이.JPG",
        "여름 휴가.JPG",
        "photo.jpg",
        "photo-2.jpg",
        "SAM_0001.jpg",
        "MOV.mp4",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_return_that_ends_a_file_between_bare_line_feeds_is_kept() {
    let server = Server::start("");
    let photo = [PHOTO, b"\r"].concat();
    let mut body = format!(
        "--{BOUNDARY}\nContent-Disposition: form-data; name=message\n\n{TEXT}\n--{BOUNDARY}\n\
         Content-Disposition: form-data; name=binary; filename=A.JPG\n\n"
    )
    .into_bytes();
    body.extend_from_slice(&photo);
    body.extend(format!("\n--{BOUNDARY}--\n").bytes());
    assert_eq!(server.send(&Request::with_body(&body)).body, SUCCESS);
    only(&server, "A.JPG", &photo);
}

#[test]
fn a_closing_boundary_with_more_behind_it_is_a_part_of_the_photo() {
    let server = Server::start("");
    let (begin, end) = PHOTO.split_at(PHOTO.len() / 2);
    let photo = [begin, format!("\r\n--{BOUNDARY}--junk").as_bytes(), end].concat();
    let request = Request::new().file("A.JPG", &photo);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    only(&server, "A.JPG", &photo);
}

#[test]
fn a_photo_longer_than_the_content_length_says_is_stored_whole() {
    let whole = email(&[("Content-Type: image/jpeg; name=A.JPG", PHOTO)]);
    let end = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let body = whole[end..].to_vec();
    for missing in [1, 5, BOUNDARY.len() + 8, 300, PHOTO.len()] {
        for together in [true, false] {
            let server = Server::start("");
            let short = Request::with_body(&body[..body.len() - missing]);
            let mut stream = server.connect();
            stream.write_all(&short).unwrap();
            if !together {
                // What comes in another segment belongs to it, too.
                stream.set_nodelay(true).unwrap();
            }
            stream.write_all(&body[body.len() - missing..]).unwrap();
            assert_eq!(Answer::read(&mut stream).body, SUCCESS, "{missing} {together}");
            only(&server, "A.JPG", PHOTO);
        }
    }
}

#[test]
fn a_photo_whose_end_is_neither_announced_nor_sent_is_an_error() {
    let server = Server::start("");
    let whole = email(&[("Content-Type: image/jpeg; name=A.JPG", PHOTO)]);
    let end = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let body = &whole[end..];
    let middle = body.len() - PHOTO.len() / 2;
    let short = [&Request::with_body(&body[..middle])[..], &body[middle..middle + 100]].concat();
    server.send(&short).assert_error(400, "Incomplete");
    assert!(server.stored().is_empty());
}
