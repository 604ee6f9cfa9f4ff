//! Requests that no camera sends, and what becomes of the server.

use crate::fixture::{Request, SUCCESS, Server};

#[track_caller]
fn assert_serves(server: &Server) {
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
}

#[test]
fn a_head_of_70_kb_is_refused() {
    let server = Server::start("");
    let request = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    server.send(request.as_bytes()).assert_error(431, "head too large");
    server.logged(&["request refused", "64 KiB"]);
    assert_serves(&server);
}

#[test]
fn an_unknown_path_is_answered_and_logged_with_its_head_but_without_secrets() {
    let server = Server::start("");
    let request = b"GET /never/seen HTTP/1.0\r\nAuthorization:OAuth oauth_token=\"s3cret\"\r\n\
        User-Agent: a new model\r\n\r\n";
    server.send(request).assert_error(404, "Unknown");
    server.logged(&["GET /never/seen HTTP/1.0"]);
    server.logged(&["User-Agent: a new model"]);
    assert!(!server.log().contains("s3cret"));
}

#[test]
fn what_nobody_knows_is_logged_once() {
    let server = Server::start("");
    let key = "0123456789abcdef0123456789abcdef";
    let requests = [
        "GET /never/seen?a=1 HTTP/1.0\r\nX-Number: one\r\n\r\n".to_owned(),
        "POST /nowhere/auth HTTP/1.0\r\nX-Number: two\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: www.samsung.example:80\r\nX-Number: three\r\n\r\n".to_owned(),
        "GET /social/columbus/serviceproviders/list HTTP/1.0\r\nX-Number: four\r\n\r\n".to_owned(),
        format!("PUT /upload/{key}/a/b HTTP/1.0\r\nX-Number: five\r\nCookie:\r\n c=s3cret\r\n\r\n"),
    ];
    for _ in 0..3 {
        for request in &requests {
            server.send(request.as_bytes());
        }
    }
    // Known hosts, addresses and known paths are of no interest.
    server.send(b"GET / HTTP/1.1\r\nHost: WWW.MSN.COM:80\r\nX-Number: six\r\n\r\n");
    server.send(b"GET / HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nX-Number: seven\r\n\r\n");
    server.send(b"GET /the/last HTTP/1.0\r\nX-Number: eight\r\n\r\n");
    server.logged(&["X-Number: eight"]);
    let log = server.log();
    for number in ["one", "two", "three", "four", "five", "eight"] {
        let times = log.matches(&format!("X-Number: {number}")).count();
        assert_eq!(times, 1, "{number} in {log}");
    }
    assert!(!log.contains("X-Number: six") && !log.contains("X-Number: seven"));
    server.logged(&["www.samsung.example", "no camera is known to ask"]);
    assert!(!log.contains(key) && !log.contains("s3cret"));
}

#[test]
fn slashes_in_a_row_are_one() {
    let server = Server::start("");
    let request = String::from_utf8_lossy(&Request::new().file("A.JPG", b"x").bytes())
        .replace("/social/columbus/email", "//social//columbus/email");
    assert_eq!(server.send(request.as_bytes()).body, SUCCESS);
}

#[test]
fn what_is_not_http_is_refused() {
    let server = Server::start("");
    server.send(b"\x00\x01\x02\r\n\r\n").assert_error(400, "No HTTP request");
    // A TLS handshake
    let answer = server.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03");
    assert_eq!(answer.length, 0);
    server.logged(&["TLS, which this port does not speak"]);
    assert_serves(&server);
}

#[test]
fn an_email_without_boundary_is_refused() {
    let server = Server::start("");
    let request = b"POST /social/columbus/email HTTP/1.1\r\nContent-Type: text/plain\r\n\
        Content-Length: 1\r\n\r\nx";
    server.send(request).assert_error(400, "No multipart boundary");
}

#[test]
fn two_different_lengths_are_refused() {
    let server = Server::start("");
    let request = b"POST /social/columbus/email HTTP/1.1\r\nContent-Length: 1\r\n\
        Content-Length: 2\r\n\r\nxx";
    assert_eq!(server.send(request).status, 400);
    assert_serves(&server);
}

#[test]
fn entities_are_never_expanded() {
    let server = Server::start("");
    let xml = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
        <email><sender>&x;&a;</sender><receiverList><receiver>a@example.org</receiver>\
        </receiverList></email>";
    let body = crate::fixture::message_part(xml);
    server.send(&Request::with_body(&body)).assert_error(401, "whitelist");
    assert!(!server.log().contains("root:"));
    server.logged(&["&x;&a; is not in SENDERS"]);
}
