//! Deviations from HTTP, MIME and XML (`protocol.md` 2) that no case of its
//! section 13 sends.

use crate::fixture::social::{KEY, PASSWORD, USER, login, photo, post, put};
use crate::fixture::{BOUNDARY, J1, PHOTO, Request, SUCCESS, Server};

fn auth() -> String {
    login(USER, PASSWORD, &format!(" Value=\"{KEY}\""))
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
    let body: Vec<u8> =
        photo(&session, "", "Küche.JPG", "x").chars().map(|c| u8::try_from(c).unwrap()).collect();
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

/// D27
#[test]
fn a_content_encoding_is_never_believed() {
    let server = Server::start("");
    let body = auth();
    let request = format!(
        "POST /facebook/auth HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Encoding: UTF-8\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(server.send(request.as_bytes()).status, 200);
}
