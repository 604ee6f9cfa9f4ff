//! An answer is one piece, and no reset overtakes it (`protocol.md` 1.4, 2,
//! D26): every endpoint, and every way it has to answer.

use std::io::Write;

use crate::fixture::social::{KEY, PASSWORD, USER, announcement, login, post, put};
use crate::fixture::{Answer, J1, Request, SENDER, Server, file_part};

fn get(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").into_bytes()
}

fn logout(session: &str) -> String {
    format!("<Request Method=\"logout\" SessionKey=\"{session}\"/>")
}

fn allshare(user: &str) -> Vec<u8> {
    let body = format!("<userAuthRequest><loginID>{user}</loginID></userAuthRequest>");
    post("/security/sso/userprofiles/authentication/emailid", &body)
}

/// A34
#[test]
fn every_answer_is_one_piece_and_ends_without_a_reset() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let nobody = "0".repeat(32);
    let of_nobody = format!("upload/{nobody}/A.JPG");
    let announce = |session: &str, name: &str| announcement(session, "NX300", name, "x");
    let oauth = "<Request Method=\"login\"><OAuth Version=\"2.0\"/></Request>";
    let email = "/social/columbus/email";
    let cases: Vec<(u16, Vec<u8>)> = vec![
        (200, get("/", "gld.samsungosp.com")),
        (302, get("/", "www.yahoo.co.kr")),
        (200, get("/", "www.yahoo.co.kr")),
        (302, get("/", "www.msn.com")),
        (200, get("/", "www.msn.com")),
        (200, get("/", "www.samsungimaging.com")),
        (200, b"GET /\r\n".to_vec()),
        (200, get("/oauth", "snsgw.samsungmobile.com")),
        (404, get("/skydrive/auth/callback?snsgwkey=1", "snsgw.samsungmobile.com")),
        (200, post("/facebook/auth", &login(USER, PASSWORD, Some(KEY)))),
        (401, post("/facebook/auth", &login("nobody", "x", None))),
        (401, post("/skydrive/auth", oauth)),
        (400, post("/facebook/auth", "")),
        (404, post("/nowhere/auth", oauth)),
        (200, post("/facebook/photo", &announce(&session, "A.JPG"))),
        (401, post("/facebook/photo", &announce(&nobody, "A.JPG"))),
        (400, post("/facebook/photo", &announce(&session, "../A.JPG"))),
        (404, post("/nowhere/photo", &announce(&session, "A.JPG"))),
        (200, post("/youtube/video", &announce(&session, "A.MP4"))),
        (401, post("/youtube/video", &announce(&nobody, "A.MP4"))),
        (404, post("/picasa/video", &announce(&session, "A.MP4"))),
        (200, put(&resource, "image/jpeg", J1)),
        (400, put(&resource, "image/jpeg", b"")),
        (200, put(&format!("upload/{session}/B.JPG"), "image/jpeg", J1)),
        (401, put(&of_nobody, "image/jpeg", J1)),
        (200, post("/facebook/auth", &logout(&session))),
        (200, Request::new().bytes()),
        (401, Request::new().from("spam@example.org").bytes()),
        (400, Request::with_body(&file_part("A.JPG", J1))),
        (400, post(email, "x")),
        (302, get(email, "www.ospserver.net")),
        (200, get("/security/sso/initialize/time", "www.ospserver.net")),
        (200, get("/social/columbus/serviceproviders/list", "www.ospserver.net")),
        (401, allshare("nobody@example.org")),
        (501, allshare(SENDER)),
        (404, get("/never/seen", "www.ospserver.net")),
        (400, b"\0\0\r\n\r\n".to_vec()),
        (431, format!("GET / HTTP/1.0\r\nX: {}\r\n\r\n", "x".repeat(70_000)).into_bytes()),
    ];
    for (status, request) in cases {
        let line = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let answer = server.send(&[&request[..], &[b'x'; 100]].concat());
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.first_read, answer.length, "{line}: {answer:?}");
        assert!(answer.length < 1400 && !answer.reset, "{line}: {answer:?}");
        assert_eq!(answer.header("Connection"), ["close"], "{line}");
    }
}

#[test]
fn an_answer_in_the_middle_of_a_body_arrives_without_a_reset() {
    let server = Server::start("MAX_UPLOAD = \"40 MiB\"\n");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.MP4", "x");
    let of_nobody = format!("upload/{}/A.MP4", "0".repeat(32));
    let video = vec![7; 16 << 20];
    let text = "x".repeat(16 << 20);
    let too_much = format!("PUT /{resource} HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n");
    let cases: Vec<(u16, Vec<u8>)> = vec![
        (401, put(&of_nobody, "video/mp4", &video)),
        (413, [too_much.as_bytes(), &video].concat()),
        (413, post("/facebook/auth", &text)),
        (413, post("/facebook/photo", &text)),
        (404, post("/nowhere/auth", &text)),
        (404, post("/picasa/video", &text)),
        (404, post("/never/seen", &text)),
        (400, post("/social/columbus/email", &text)),
        (401, Request::new().from("spam@example.org").file("A.MP4", &video).bytes()),
        (400, Request::new().file("../A.MP4", &video).bytes()),
        (413, post("/security/sso/userprofiles/authentication/emailid", &text)),
    ];
    for (status, request) in cases {
        let line = String::from_utf8_lossy(&request[..60]).into_owned();
        let mut stream = server.connect();
        // All of it, as a camera does that never looks before it is through.
        stream.write_all(&request).unwrap_or_else(|error| panic!("{line}: {error}"));
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.first_read, answer.length, "{line}: {answer:?}");
        assert!(!answer.reset, "{line}: {answer:?}");
    }
}
