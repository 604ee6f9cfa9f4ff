//! `CAPTURE_FOLDER` (`docs/new-model.md`).

use std::os::unix::fs::PermissionsExt;

use crate::fixture::social::{PASSWORD, USER, put};
use crate::fixture::{J1, Request, Server};

#[test]
fn raw_requests_are_kept_without_their_secrets() {
    let server = Server::start("CAPTURE_FOLDER = \"capture\"\n");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    server.send(&put(&resource, "image/jpeg", J1));
    let email = Request::new().bytes();
    server.send(&[&email[..], b"surplus"].concat());
    server.send(b"BREW /pot HTCPCP/1.0\r\nA: b\r\n\r\n");
    let folder = server.folder().join("capture");
    // Each is written when its connection has ended.
    server.logged_times(&["request captured in"], 5);
    let mut captures: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        captures.push(std::fs::read(path).unwrap());
    }
    let texts: Vec<String> =
        captures.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    for text in &texts {
        for secret in [USER, PASSWORD, &session, "oauth_consumer_key"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let find = |words: &str| texts.iter().position(|text| text.contains(words)).unwrap();
    assert!(texts[find("POST /facebook/auth")].contains("<PersistKey Use=\"true\"/>"));
    assert!(captures[find("PUT /upload/")].ends_with(J1));
    let mail = &captures[find("POST /social/columbus/email?DUID=123456789033  HTTP/1.0")];
    assert!(mail.len() == email.len() + 7 && mail.ends_with(b"surplus"));
    find("BREW /pot HTCPCP/1.0");
}

#[test]
fn nothing_is_kept_unless_it_is_wanted() {
    let server = Server::start("");
    server.log_in("facebook");
    assert!(!server.folder().join("capture").exists());
}
