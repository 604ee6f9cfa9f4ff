//! What an ST1000 and AllShare ask for (`protocol.md` 3.7-3.9).

use std::time::SystemTime;

use crate::fixture::social::post;
use crate::fixture::{SENDER, Server};

/// A33
#[test]
fn an_st1000_hears_the_time_in_milliseconds() {
    let server = Server::start("");
    let request = b"GET /security/sso/initialize/time HTTP/1.0\r\nHost: www.ospserver.net\r\n\r\n";
    let body = server.send(request).body;
    let time = body
        .strip_prefix(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><initializeResult>\
             <currentServerTime>",
        )
        .and_then(|rest| rest.strip_suffix("</currentServerTime></initializeResult>"))
        .unwrap_or_else(|| panic!("{body}"));
    assert_eq!(time.len(), 13);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let then: u128 = time.parse().unwrap();
    assert!(then <= now && now - then < 600_000, "{then} {now}");
}

/// A37
#[test]
fn an_allshare_login_is_refused_without_harm() {
    let server = Server::start("");
    let login = |user: &str| {
        let body = format!(
            "<userAuthRequest><loginID>{user}</loginID><password>eee</password><duid></duid>\
             <mobileCountryCode></mobileCountryCode><tncAccepted>Y</tncAccepted></userAuthRequest>"
        );
        server.send(&post("/security/sso/userprofiles/authentication/emailid", &body))
    };
    login("nobody@example.org").assert_error(401, "Login failed");
    login(SENDER).assert_error(501, "AllShare");
    server.logged(&["AllShare", "not understood yet"]);
    assert!(!server.log().contains("eee"));
}

/// A38
#[test]
fn the_question_for_providers_is_logged_whole_but_without_secrets() {
    let server = Server::start("");
    let request = b"GET /social/columbus/serviceproviders/list HTTP/1.0\r\nAuthorization:OAuth \
        oauth_consumer_key=\"s3cret\"\r\nx-osp-version:v1\r\nX-Model: ST1000\r\n\
        Host: www.ospserver.net\r\n\r\n";
    assert_eq!(server.send(request).status, 200);
    server.logged(&["GET /social/columbus/serviceproviders/list HTTP/1.0"]);
    server.logged(&["x-osp-version:v1"]);
    server.logged(&["X-Model: ST1000"]);
    assert!(!server.log().contains("s3cret"));
}
