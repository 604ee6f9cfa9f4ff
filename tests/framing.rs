//! Requests whose frame is odd: understood where that can mean one thing only,
//! refused in the words that cameras know where not.

use std::io::{Read, Write};
use std::time::Duration;

use crate::fixture::social::{KEY, PASSWORD, USER, login, post};
use crate::fixture::{Answer, Request, SUCCESS, Server};

fn with_length(server: &Server, length: &str) -> Answer {
    let body = Request::new().body();
    let request = Request::with_body(&body);
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(request[..end].to_vec()).unwrap();
    let said = format!("Content-Length: {}", body.len());
    assert!(head.contains(&said));
    let head = head.replace(&said, &length.replace("N", &body.len().to_string()));
    server.send(&[head.as_bytes(), b"\r\n\r\n", &body].concat())
}

#[test]
fn lengths_that_say_the_same_are_one() {
    let server = Server::start("REPEAT_WINDOW = \"0 s\"\n");
    for length in [
        "Content-Length: N\r\nContent-Length: N",
        "Content-Length: N, N",
        "content-length:N\r\nTransfer-Encoding: identity",
    ] {
        assert_eq!(with_length(&server, length).body, SUCCESS, "{length}");
    }
}

#[test]
fn a_length_that_is_none_is_refused_in_the_cameras_words_and_without_a_reset() {
    let server = Server::start("");
    for (length, words) in [
        ("Content-Length: N\r\nContent-Length: 1", "Content-Length"),
        ("Content-Length: N, 7", "Content-Length"),
        ("Content-Length: +N", "Content-Length"),
        ("Content-Length: 0x372", "Content-Length"),
        ("Content-Length: N\r\nTransfer-Encoding: gzip", "Transfer-Encoding"),
    ] {
        let answer = with_length(&server, length);
        answer.assert_error(400, words);
        assert!(!answer.reset, "{length}");
        server.logged(&["WARN", "request refused", words]);
    }
    assert!(server.stored().is_empty());
}

#[test]
fn many_header_fields_are_taken_and_too_many_refused() {
    let server = Server::start("");
    let many = |count: usize| {
        let fields: Vec<String> = (0..count).map(|number| format!("X-{number}: x\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: gld.samsungosp.com\r\n{}\r\n", fields.concat())
    };
    assert_eq!(server.send(many(150).as_bytes()).status, 200);
    let answer = server.send(many(1000).as_bytes());
    answer.assert_error(431, "head too large");
    assert!(!answer.reset);
}

#[test]
fn a_target_that_is_no_address_is_refused_in_the_cameras_words() {
    let server = Server::start("");
    for target in ["http:///", "http://[::1/", "http://a b/%zz?"] {
        let answer = server.send(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.body.starts_with("<Response ErrCode="), "{target}: {answer:?}");
    }
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let server = Server::start("");
    for gap in ["\r\n", "\n", "\r\n\r\n\r\n"] {
        let request = [gap.as_bytes(), b"GET / HTTP/1.0\r\nHost: gld.samsungosp.com\r\n\r\n"];
        assert_eq!(server.send(&request.concat()).status, 200, "{gap:?}");
    }
    let endless = "\r\n".repeat(2000);
    server.send(endless.as_bytes()).assert_error(400, "No HTTP request");
}

#[test]
fn a_path_is_understood_however_it_is_written() {
    let server = Server::start("REPEAT_WINDOW = \"0 s\"\n");
    for path in [
        "/social/columbus/%65mail",
        "/social/columbus/email/",
        "/SOCIAL/COLUMBUS/EMAIL",
        "social/columbus/email",
    ] {
        let request = String::from_utf8_lossy(&Request::new().file("A.JPG", b"x").bytes())
            .replace("/social/columbus/email", path);
        assert_eq!(server.send(request.as_bytes()).body, SUCCESS, "{path}");
    }
    let body = login(USER, PASSWORD, Some(KEY));
    assert_eq!(server.send(&post("/Facebook/AUTH/", &body)).status, 200);
}

#[test]
fn a_camera_that_goes_on_sending_hears_the_refusal_at_its_end() {
    let server = Server::start("");
    let request = Request::new().from("x@example.org").file("A.JPG", &vec![1; 8 << 20]).bytes();
    let mut stream = server.connect();
    let (begin, rest) = request.split_at(64 << 10);
    stream.write_all(begin).unwrap();
    server.logged(&["request refused", "x@example.org"]);
    // A gap in its network, longer than a connection is kept open for a camera
    // that has announced nothing more.
    std::thread::sleep(Duration::from_millis(2500));
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Sender not in whitelist"), "{answer}");
}

#[test]
fn a_login_with_blanks_around_its_values_or_an_escaped_key_is_understood() {
    let server = Server::start("");
    let escaped = KEY.replace('/', "%2F").replace('=', "%3D");
    for body in [
        login(&format!("{USER}\n"), &format!("{PASSWORD} "), Some(&format!("{KEY}\r\n"))),
        login(USER, PASSWORD, Some(&escaped)),
        login(USER, "", Some(KEY)),
        login("Camera%40samsungcamera.com%0A", "", None),
    ] {
        assert_eq!(server.send(&post("/facebook/auth", &body)).status, 200, "{body}");
    }
}
