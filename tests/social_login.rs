//! `POST /<service>/auth` (`protocol.md` 3.2, 4, 13).

use std::io::Write;

use afterimage::emulator::request::social::Login;

use crate::fixture::social::{KEY, PASSWORD, USER, announcement, login, post, put};
use crate::fixture::{Answer, J1, SUCCESS, Server};

const SENDERS: &str = "SENDERS = [\"Camera@samsungcamera.com\", \"f\", \"jürgen@bücher.example\", \
    \"카메라@samsung.example\", \"sixteen-chars@xy\", \"user1@example.com\"]\n";

fn auth(server: &Server, service: &str, body: &str) -> Answer {
    server.send(&post(&format!("/{service}/auth"), body))
}

fn with_key(user: &str, password: &str) -> String {
    login(user, password, Some(KEY))
}

/// The published login (`protocol.md` 3.2), with what its publisher or the
/// camera left in it.
const CAPTURED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Request Method=\"login\" \
        Timeout=\"3000\" CameraCryptKey=\"844e7f0fadf4ba1cf5b6de9edb06ac9a448c0d3031b73db65a308c\
        ecb570428a44dea69bddd94403829e5c06efee9a4d555590f75a8c1313c3b935a0a03684d463733b30d3a34f\
        e11b0da9d7f230366221ceec509419d89fd9b0cc36adc7258fbc904b497173d1f154202727c402b2a25d58dd\
        0ecc6d576294880226cfb46151\">\n<UserName Value=\"7xKPwb19QdFKzsjsrQx62g%3D%3D\"/>\n\
        <Password Value=\"U%2BK0X1QnWUv4tkvrrtQ0aQ%3D%3D\"/>\n<PersistKey Use=\"true\"/>\n\
        4p4uaaq422af3\"/>\n<SessionKey Type=\"APIF\"/>\n<CryptSessionKey Use=\"true\" \
        Type=\"SHA1\" Value=\"/////xAAwKRSAQAAAPAHtv////8QAMCkUgEAAADwB7Y=\"/>\n\
        <ApplicationKey Value=\"6a563c3967f147d3adfa454ef913535d0d109ba4b4584914\"/>\n</Request>";

#[test]
fn the_login_of_an_emulated_nx300_is_the_captured_one() {
    let value = |lead: &str| {
        let (_, rest) = CAPTURED.split_once(lead).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let login = Login {
        camera_crypt_key: value("CameraCryptKey=\""),
        user: value("<UserName Value=\""),
        password: value("<Password Value=\""),
        key: Some(value("Type=\"SHA1\" Value=\"")),
    };
    assert_eq!(login.xml(), CAPTURED.replace("4p4uaaq422af3\"/>\n", ""));
}

/// A07
#[test]
fn the_captured_login_of_an_nx300_is_understood() {
    let body = CAPTURED;
    assert_eq!(body.len(), 701);
    let request = format!(
        "POST http://snsgw.samsungmobile.com/facebook/auth HTTP/1.1\r\nContent-Length: 701\r\n\r\n\
         {body}"
    );
    let server = Server::start(SENDERS);
    let answer = server.send(request.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    server.logged(&["logged in", "sender=\"f\""]);

    let stranger = Server::start("").send(request.as_bytes());
    stranger.assert_error(401, "Login failed");
}

/// A08
#[test]
fn a_login_is_answered_in_the_bytes_that_cameras_know() {
    let server = Server::start("");
    let body = with_key(USER, PASSWORD);
    assert_eq!(body.len(), 450);
    let answer = auth(&server, "facebook", &body);
    let session = answer.attribute("SessionKey");
    assert!(session.len() == 32 && session.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    let expected = format!(
        "<Response SessionKey=\"{session}\">\n<PersistKey Value=\"\"/>\n\
         <CryptSessionKey Value=\"{session}\"/>\n<LoginPeopleID=\"Samsung NX Lover\"/>\n\
         <OAuth URL=\"http://snsgw.samsungmobile.com/oauth\"/>\n</Response>"
    );
    assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()));
    assert_eq!(answer.body.len(), 239);
    let again = auth(&server, "facebook", &with_key(USER, PASSWORD));
    assert_ne!(again.attribute("SessionKey"), session);
}

/// A09
#[test]
fn a_user_with_letters_beyond_ascii_logs_in() {
    let server = Server::start(SENDERS);
    let body = login(
        "3jFyqY5LVnykgvg7XPOlG87f%2B6ZOGT91M%2B8U6hHO8XE%3D",
        "ihSExhPO5DxgqsKNyukLfw%3D%3D",
        Some("/////xAAwKRSAQAAAPAHtgABAgMEBQYHCAkKCwwNDg8="),
    );
    assert_eq!(auth(&server, "picasa", &body).status, 200);
    server.logged(&["logged in", "jürgen@bücher.example"]);
}

/// A10
#[test]
fn a_user_of_exactly_one_block_logs_in() {
    let server = Server::start(SENDERS);
    let body = with_key("%2FN%2BnqLyeMvzgCAuHjpH0mA%3D%3D", "xJ7JnAI9QCx5KE0S90PYYQ%3D%3D");
    assert_eq!(auth(&server, "facebook", &body).status, 200);
    server.logged(&["logged in", "sixteen-chars@xy"]);
}

/// A11
#[test]
fn an_added_block_of_zeros_changes_nothing() {
    let server = Server::start(SENDERS);
    let body = with_key(
        "%2FN%2BnqLyeMvzgCAuHjpH0mBocvv%2Fyj%2F%2Fx3Ff886UVDKs%3D",
        "xJ7JnAI9QCx5KE0S90PYYXJ%2BicYLevVoWxkB0EKWX9c%3D",
    );
    assert_eq!(auth(&server, "facebook", &body).status, 200);
    server.logged(&["logged in", "sixteen-chars@xy"]);
}

/// A12
#[test]
fn hmx_qf30_logs_in_without_encryption() {
    let server = Server::start("");
    let body = login("Camera%40samsungcamera.com", "secret", None);
    assert_eq!(body.len(), 349);
    assert_eq!(auth(&server, "youtube", &body).status, 200);
}

/// A13
#[test]
fn a_user_who_is_not_listed_is_refused() {
    let server = Server::start("");
    let body = with_key(
        "d5MTzjSat8lEw0QIcYMGBpa%2BAyVAFIJ6dBu5dBqxfCU%3D",
        "fhYRvb7%2B%2F83kkItdhnqHuA%3D%3D",
    );
    auth(&server, "facebook", &body).assert_error(401, "Login failed");
    server.logged(&["nobody@example.org", "not in SENDERS", "add it there"]);
}

/// A14
#[test]
fn a_logout_ends_the_session() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let logout = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Request Method=\"logout\" Timeout=\"3000\" SessionKey=\"{session}\">\n</Request>"
    );
    assert_eq!(auth(&server, "facebook", &logout).status, 200);
    let announcement = announcement(&session, "NX300", "SAM_0042.JPG", "x");
    server.send(&post("/facebook/photo", &announcement)).assert_error(401, "Session expired");
}

/// A15
#[test]
fn a_login_by_oauth_is_refused() {
    let server = Server::start("");
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Request Method=\"login\" \
        Timeout=\"3000\" CameraCryptKey=\"\">\n<OAuth Version=\"2.0\"/>\n<PersistKey \
        Use=\"true\"/>\n<SessionKey Type=\"APIF\"/>\n</Request>";
    for service in ["skydrive", "flickr", "dropbox"] {
        auth(&server, service, body).assert_error(401, "OAuth not supported");
    }
    auth(&server, "facebook", "<Request Method=\"login\"/>").assert_error(400, "No user name");
}

#[test]
fn a_login_by_oauth_can_be_tried() {
    let server = Server::start("OAUTH_SENDER = \"camera@samsungcamera.com\"\n");
    let body = "<Request Method=\"login\"><OAuth Version=\"2.0\"/></Request>";
    let answer = auth(&server, "skydrive", body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer.attribute("SessionKey");
    let url = answer.attribute("OAuth URL");
    assert!(url.len() <= 64, "{url}");

    let get = |target: &str| server.send(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
    let page = get(&url);
    let callback = format!("/skydrive/auth/callback?snsgwkey={session}");
    assert_eq!((page.status, page.attribute("href")), (200, callback.clone()));
    assert!(page.first_read == page.length && page.length < 1400);
    // As an NX300 writes it.
    let answer = get(&format!("{callback}user_agent=DI-NX300"));
    assert_eq!((answer.status, answer.attribute("SessionKey")), (200, session.clone()));

    let resource = server.announce("skydrive", &session, "SAM_0042.JPG", "x");
    assert_eq!(server.send(&put(&resource, "image/jpeg", J1)).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);

    get(&format!("/skydrive/auth/callback?snsgwkey={}", "0".repeat(32)))
        .assert_error(401, "Session expired");
    get("/skydrive/auth/callback?snsgwkey=1").assert_error(401, "Session expired");
    assert!(get("/oauth?k=0").body.contains("It works"));
}

/// A16
#[test]
fn an_empty_login_is_refused_and_the_next_one_is_served() {
    let server = Server::start("");
    auth(&server, "facebook", "").assert_error(400, "Empty request");
    let without_length = b"POST /facebook/auth HTTP/1.1\r\nHost: snsgw.samsungmobile.com\r\n\r\n";
    server.send_and_end(without_length).assert_error(400, "Empty request");
    server.log_in("facebook");
}

/// D13
#[test]
fn a_login_without_length_and_body_ends_with_two_seconds_of_silence() {
    let server = Server::start("");
    let without_length = b"POST /facebook/auth HTTP/1.1\r\nHost: snsgw.samsungmobile.com\r\n\r\n";
    server.send(without_length).assert_error(400, "Empty request");
    server.log_in("facebook");
}

/// D13
#[test]
fn a_login_without_length_ends_with_its_last_tag() {
    let server = Server::start("");
    let body = with_key(USER, PASSWORD);
    let head = "POST /facebook/auth HTTP/1.0\r\nHost: snsgw.samsungmobile.com\r\n\r\n";
    let answer = server.send(format!("{head}{body}").as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    // In pieces, the tag cut in two.
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for piece in [head, &body[..100], &body[100..body.len() - 4], &body[body.len() - 4..]] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!(Answer::read(&mut stream).status, 200);
}

/// A35
#[test]
fn a_key_of_16_bytes_is_refused() {
    let server = Server::start("");
    let body = login(USER, PASSWORD, Some("AAECAwQFBgcICQoLDA0ODw=="));
    auth(&server, "facebook", &body).assert_error(401, "Login failed");
    server.logged(&["16 bytes instead of 32"]);
}

/// A39
#[test]
fn entities_in_a_login_are_never_expanded() {
    let server = Server::start("");
    let body = "<?xml version=\"1.0\"?>\n<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \
        \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY x SYSTEM \
        \"file:///etc/passwd\">]>\n<Request Method=\"login\"><UserName Value=\"&c;\"/><Password \
        Value=\"&x;\"/><CryptSessionKey Value=\"AAAA\"/></Request>";
    auth(&server, "facebook", body).assert_error(401, "Login failed");
    assert!(!server.log().contains("root:"));
}

#[test]
fn a_session_survives_the_end_of_the_server() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let server = server.restart();
    let answer = server.send(&put(&resource, "image/jpeg", b"photo"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.only_stored().1, b"photo");
}
