//! Deviations from HTTP, MIME and XML (`protocol.md` 2) that no case of its
//! section 13 sends. The others fail elsewhere when their tolerance is taken
//! out: D1, D7, D8, D9 and D21 in A25, D2 in A02, D10 with each of the four
//! ends of an e-mail, D11 and D22 in A26, D12 and D26 in A34, D13 in A16 and
//! `social_login`, D15 in `social`, D17 in `odd_requests`, D19 in A07, D20 in
//! A21, D28 in A05 and A06.

use crate::fixture::social::{KEY, PASSWORD, USER, announcement, login, post, put};
use crate::fixture::{BOUNDARY, J1, PHOTO, Request, SUCCESS, Server};

fn auth() -> String {
    login(USER, PASSWORD, Some(KEY))
}

/// D3
#[test]
fn both_versions_of_http_are_answered_alike() {
    let server = Server::start("");
    let body = auth();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let request = format!(
            "POST /facebook/auth {version}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = server.send(request.as_bytes());
        assert_eq!(answer.status_line, "HTTP/1.1 200 OK");
        assert_eq!(answer.body.len(), 239);
    }
}

/// D4
#[test]
fn a_header_needs_no_space_before_its_value() {
    let server = Server::start("");
    let body = auth();
    let request =
        format!("POST /facebook/auth HTTP/1.1\r\nContent-Length:{}\r\n\r\n{body}", body.len());
    assert_eq!(server.send(request.as_bytes()).status, 200);
}

/// D5
#[test]
fn both_user_agents_are_seen() {
    let server = Server::start("");
    let request = b"GET / HTTP/1.0\r\nUser-Agent: sdeClient\r\nUser-Agent: MSIE ((6))\r\n\r\n";
    let answer = server.send(request);
    assert!(answer.body.contains("sdeClient / MSIE ((6))"), "{answer:?}");
}

/// D18
#[test]
fn xml_that_is_none_is_understood() {
    let plugin = crate::fixture::guest("echo");
    let server = Server::start(&format!(
        "[ACTIONS]\nfacebook = \"echo\"\n[PLUGINS.echo]\nCOMPONENT = {:?}\n",
        plugin.to_str().unwrap()
    ));
    let session = server.log_in("facebook");
    let body = format!(
        "<Request Method=upload SessionKey='{session}'><Photo><Album Name=\"NX & 300\"/>\
         <File Name=\"A & B.JPG\"/><Content>fish & chips <3</Content></Photo></Request>\0\0 "
    );
    let answer = server.send(&post("/facebook/photo", &body));
    let resource = answer.attribute("ResourceID");
    assert_eq!(server.send(&put(&resource, "image/jpeg", J1)).body, SUCCESS);
    server.logged(&["A & B.JPG"]);
}

/// D23
#[test]
fn lines_of_parts_may_end_in_lf_or_cr_alone() {
    for end in ["\n", "\r"] {
        let server = Server::start("");
        let mut body = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"message\"{end}\
             content-Type: multipart/form-data;{end}{end}<email><sender>Camera@samsungcamera.com\
             </sender><receiverList><receiver>a@example.org</receiver></receiverList></email>\
             \r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"binary\"; \
             fileName=\"A.JPG\"{end}content-Type: image/jpeg{end}{end}"
        )
        .into_bytes();
        body.extend_from_slice(PHOTO);
        assert_eq!(server.send(&Request::with_body(&body)).body, SUCCESS, "{end:?}");
        assert!(server.only_stored().1 == PHOTO, "{end:?}");
    }
}

/// D24
#[test]
fn a_name_in_latin_1_is_kept_in_its_letters() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let body: Vec<u8> = announcement(&session, "", "Küche.JPG", "x")
        .chars()
        .map(|c| u8::try_from(c).unwrap())
        .collect();
    let head = format!("POST /facebook/photo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = server.send(&[head.as_bytes(), &body].concat());
    let resource = answer.attribute("ResourceID");
    assert_eq!(server.send(&put(&resource, "image/jpeg", J1)).body, SUCCESS);
    assert_eq!(server.only_stored().0, "Küche.JPG");
}

/// D25
#[test]
fn trailing_spaces_folded_headers_and_no_version_are_understood() {
    let server = Server::start("");
    let request = Request::new().file("A.JPG", J1).bytes();
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(request[..end].to_vec()).unwrap();
    let head = head.replacen("HTTP/1.0", "HTTP/1.0  ", 1).replacen(
        "multipart/form-data; boundary=",
        "multipart/form-data;\r\n boundary=",
        1,
    );
    assert!(head.contains("\r\n boundary=") && head.contains("HTTP/1.0  \r\n"));
    assert_eq!(server.send(&[head.as_bytes(), &request[end..]].concat()).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);
    assert_eq!(server.send(b"GET /\r\n").status, 200);
}

/// D6
#[test]
fn languages_caches_and_lists_of_types_change_no_answer() {
    let server = Server::start("REPEAT_WINDOW = \"0 s\"\n");
    let headers = "Accept-Language: ko\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
        Accept: image/gif, image/x-xbitmap, application/x-shockwave-flash\r\n\
        Accept-Encoding: gzip\r\nAccept-Charset: euc-kr\r\n";
    let heard = |request: &[u8]| {
        let mut answer = server.send(request);
        answer.headers.retain(|(name, _)| name != "Date");
        (answer.status_line, answer.headers, answer.body)
    };
    let bare = auth();
    let refused = login("nobody", "x", None);
    for request in [
        b"GET / HTTP/1.0\r\nHost: gld.samsungosp.com\r\n\r\n".to_vec(),
        b"GET / HTTP/1.0\r\nHost: www.samsungimaging.com\r\n\r\n".to_vec(),
        b"GET /social/columbus/email HTTP/1.0\r\n\r\n".to_vec(),
        b"GET /social/columbus/serviceproviders/list HTTP/1.0\r\n\r\n".to_vec(),
        post("/facebook/auth", &refused),
        Request::new().bytes(),
    ] {
        let end = request.windows(2).position(|bytes| bytes == b"\r\n").unwrap() + 2;
        let with = [&request[..end], headers.as_bytes(), &request[end..]].concat();
        assert_eq!(heard(&request), heard(&with));
    }
    // The session differs each time.
    let request = post("/facebook/auth", &bare);
    let end = request.windows(2).position(|bytes| bytes == b"\r\n").unwrap() + 2;
    let answer = server.send(&[&request[..end], headers.as_bytes(), &request[end..]].concat());
    assert_eq!((answer.status, answer.body.len()), (200, 239));
}

/// D14
#[test]
fn a_body_ends_with_its_length_though_the_connection_goes_on() {
    // What comes behind it is neither waited for nor kept.
    let server = Server::start("SILENCE_TIMEOUT = \"3 s\"\nREPEAT_WINDOW = \"0 s\"\n");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.JPG", "x");
    for surplus in [&b""[..], b"surplus\r\n"] {
        let request = [&put(&resource, "image/jpeg", J1), surplus].concat();
        assert_eq!(server.send(&request).body, SUCCESS, "{surplus:?}");
        assert_eq!(server.only_stored().1, J1);
    }
    let request = [&post("/facebook/auth", &auth()), &b"surplus"[..]].concat();
    assert_eq!(server.send(&request).status, 200);
}

/// D16
#[test]
fn a_host_may_end_in_a_dot() {
    let server = Server::start("");
    for host in ["gld.samsungosp.com.", "Gld.SamsungOSP.com.:80"] {
        let answer = server.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{host}");
    }
}

/// D20
#[test]
fn a_pjpeg_by_email_is_a_jpeg() {
    let plugin = crate::fixture::guest("echo");
    let server = Server::start(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"echo\"\n[PLUGINS.echo]\nCOMPONENT = {:?}\n",
        plugin.to_str().unwrap()
    ));
    let request = String::from_utf8(Request::new().to(&["a@example.org"]).file("A", b"x").bytes());
    let request =
        request.unwrap().replacen("content-Type: image/jpeg", "content-Type: image/pjpeg", 1);
    let request = request.replacen("Content-Length: 5", "X: 5", 1);
    assert_eq!(server.send_and_end(request.as_bytes()).body, SUCCESS);
    server.logged(&["delivered", "image/jpeg"]);
}

/// D27
#[test]
fn a_content_encoding_is_never_believed() {
    let server = Server::start("REPEAT_WINDOW = \"0 s\"\n");
    let session = server.log_in("facebook");
    for encoding in ["UTF-8", "gzip", "deflate"] {
        let claim = |request: Vec<u8>| {
            let line = request.windows(2).position(|bytes| bytes == b"\r\n").unwrap() + 2;
            let claim = format!("Content-Encoding: {encoding}\r\n");
            server.send(&[&request[..line], claim.as_bytes(), &request[line..]].concat())
        };
        assert_eq!(claim(post("/facebook/auth", &auth())).status, 200, "{encoding}");
        let name = format!("{encoding}.JPG");
        let resource = server.announce("facebook", &session, &name, "x");
        assert_eq!(claim(put(&resource, "image/jpeg", J1)).body, SUCCESS, "{encoding}");
        let email = Request::new().file(&format!("mail-{encoding}.JPG"), J1);
        assert_eq!(claim(email.bytes()).body, SUCCESS, "{encoding}");
    }
    let stored = server.stored();
    assert_eq!(stored.len(), 6);
    assert!(stored.values().all(|bytes| bytes == J1));
}
