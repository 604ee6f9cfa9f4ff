//! The action `email`, with a real Postfix where one can show it.

use crate::fixture::{
    Fault, Faulty, PASSWORD, PHOTO, Postfix, Received, Request, SENDER, SUCCESS, Server, USERNAME,
    sha256,
};

fn config(postfix: &Postfix, more: &str) -> String {
    format!(
        "MAIL_SERVER = \"localhost\"\nMAIL_PORT = {}\nMAIL_USE_TLS = true\n\
         MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\n{more}",
        postfix.port
    )
}

fn with_authority(postfix: &Postfix, more: &str) -> String {
    config(postfix, &format!("MAIL_CA_FILE = {:?}\n{more}", postfix.authority()))
}

#[test]
fn postfix_gets_one_message_for_all_recipients_with_every_file() {
    let Some(postfix) = Postfix::start() else { return };
    let server = Server::start(&with_authority(&postfix, ""));
    let video: Vec<u8> = (0..150_000_u32).flat_map(u32::to_be_bytes).take(150_000).collect();
    let request = Request::new()
        .to(&["alice@example.com", "bob@example.com"])
        .title("Grüße aus Łódź 📷 und noch ein langer Betreff, der nicht in eine Zeile passt")
        .text("Grüße\n.\nfrom a dot")
        .and_file("여름 휴가.MP4", &video);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered", "mailed to alice@example.com, bob@example.com"]);

    let messages = postfix.messages(2);
    let received = Received::read(&messages[0]);
    assert_eq!(received.header("To"), ["alice@example.com, bob@example.com"]);
    assert_eq!(received.header("From"), [SENDER]);
    assert_eq!(received.header("Return-Path"), [format!("<{SENDER}>")]);
    assert_eq!(
        received.header("Subject"),
        ["Grüße aus Łódź 📷 und noch ein langer Betreff, der nicht in eine Zeile passt"]
    );
    assert_eq!(received.text().replace("\r\n", "\n").trim_end(), "Grüße\n.\nfrom a dot");
    let id = received.header("Message-ID");
    assert!(id.len() == 1 && id[0].ends_with("@samsungcamera.com>"), "{id:?}");
    assert_eq!(received.header("Date").len(), 1);
    assert_eq!(
        received.files(),
        [
            ["SAM_0042.JPG", "image/jpeg", &sha256(PHOTO)],
            ["여름 휴가.MP4", "image/jpeg", &sha256(&video)],
        ]
    );
    assert!(!server.log().contains(PASSWORD));
}

#[test]
fn a_default_sender_takes_the_envelope_and_leaves_the_camera_the_answers() {
    let Some(postfix) = Postfix::start() else { return };
    let sender = "MAIL_DEFAULT_SENDER = \"Cameras <me@example.com>\"\n";
    let plain = Server::start(&with_authority(&postfix, sender));
    let request = Request::new().to(&["alice@example.com"]);
    assert_eq!(plain.send(&request.bytes()).body, SUCCESS);
    let received = Received::read(&postfix.messages(1)[0]);
    assert_eq!(received.header("Return-Path"), ["<me@example.com>"]);
    assert_eq!(received.header("Sender"), ["Cameras <me@example.com>"]);
    assert_eq!(received.header("From"), [SENDER]);
    assert_eq!(received.header("Reply-To"), [SENDER]);

    let rewritten = format!("{sender}MAIL_REWRITE_FROM = true\n");
    let server = Server::start(&with_authority(&postfix, &rewritten));
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    let received: Vec<Received> = postfix.messages(2).iter().map(|m| Received::read(m)).collect();
    let rewritten = received.iter().find(|r| r.header("From") == ["Cameras <me@example.com>"]);
    assert_eq!(rewritten.unwrap().header("Reply-To"), [SENDER]);
}

#[test]
fn one_refused_recipient_does_not_keep_the_photo_from_the_others() {
    let Some(postfix) = Postfix::start() else { return };
    let server = Server::start(&with_authority(&postfix, ""));
    for (refused, words) in
        [("permfail@example.com", "550 5.1.1"), ("tempfail@example.com", "451 4.3.0")]
    {
        server.send(&Request::new().to(&[refused, "alice@example.com"]).bytes());
        server.logged(&["email", words, refused]);
    }
    for message in postfix.messages(2) {
        assert_eq!(Received::read(&message).header("Delivered-To"), ["alice@example.com"]);
    }
}

#[test]
fn a_certificate_must_be_trusted_by_authority_or_pin() {
    let Some(postfix) = Postfix::start() else { return };
    let request = Request::new().to(&["alice@example.com"]).bytes();
    let unknown = Server::start(&config(&postfix, ""));
    unknown.send(&request);
    unknown.logged(&["certificate is not trusted", "MAIL_CA_FILE", "MAIL_PIN_SHA256"]);

    let other = format!("MAIL_PIN_SHA256 = \"{}\"\n", "0".repeat(64));
    let wrong = Server::start(&config(&postfix, &other));
    wrong.send(&request);
    wrong.logged(&[&postfix.pin, "not the one of MAIL_PIN_SHA256"]);

    let pin = format!("MAIL_PIN_SHA256 = {:?}\n", postfix.pin);
    let pinned = Server::start(&config(&postfix, &pin));
    assert_eq!(pinned.send(&request).body, SUCCESS);
    postfix.messages(1);
    for server in [unknown, wrong, pinned] {
        assert!(!server.log().contains(PASSWORD));
    }
}

#[test]
fn a_wrong_password_is_told_to_the_operator_and_no_rejection() {
    let Some(postfix) = Postfix::start() else { return };
    let config = with_authority(&postfix, "").replace(PASSWORD, "correct-horse");
    let server = Server::start(&config);
    server.send(&Request::new().to(&["alice@example.com"]).bytes());
    let line = server.logged(&["535", "MAIL_USERNAME and MAIL_PASSWORD"]);
    assert!(!line.contains("rejected"), "{line}");
    assert!(!server.log().contains("correct-horse"));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    let Some(postfix) = Postfix::start() else { return };
    let large = vec![7; 400_000];
    let request = Request::new().to(&["alice@example.com"]).file("A.MP4", &large);
    let server = Server::start(&with_authority(&postfix, ""));
    server.send(&request.bytes());
    server.logged(&["email", "takes 300000"]);

    let limited = Server::start(&with_authority(&postfix, "MAIL_MAX_SIZE = \"300 KiB\"\n"));
    limited.send(&request.bytes()).assert_error(400, "1 MB as e-mail");
}

#[test]
fn a_social_upload_needs_an_address_and_an_instance_may_have_its_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "[ACTIONS]\nfacebook = \"email\"\n").unwrap();
    let output = crate::fixture::afterimage(
        folder.path(),
        &["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"],
    );
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("config.toml:2") && error.contains("TO = ["), "{error}");
    Server::start(
        "[ACTIONS]\nfacebook = \"email.family\"\n[EMAIL]\nTO = [\"a@example.com\"]\n\
         [EMAIL.family]\nTO = \"b@example.com\"\n",
    );
}

fn faulty(faults: &[(&'static str, Fault)]) -> (Faulty, Server) {
    let peer = Faulty::start(faults);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\nMAIL_TIMEOUT = \"300 ms\"\n\
         RETRY_DELAYS = [\"0 s\", \"20 ms\"]\nREPEAT_WINDOW = \"0 s\"\n",
        peer.port
    ));
    (peer, server)
}

#[test]
fn the_servers_words_are_kept_at_every_stage() {
    let (peer, server) = faulty(&[]);
    for (stage, answer) in [
        ("connect", "421 4.3.2 come back"),
        ("mail", "450 4.7.1 greylisted"),
        ("rcpt", "451 4.7.1 greylisted"),
        ("data", "452 4.3.1 disk full"),
        (".", "451 4.3.0 try again"),
        ("mail", "550 5.7.1 not you"),
        ("rcpt", "550 5.1.1 nobody"),
        ("data", "554 5.5.1 no valid recipients"),
        (".", "552 5.3.4 too big"),
    ] {
        peer.fail(stage, Fault::Answer(answer));
        server.send(&Request::new().bytes());
        let line = server.logged(&["email", answer]);
        assert_eq!(
            line.contains("MAIL_DEFAULT_SENDER"),
            stage == "mail" && answer.starts_with('5')
        );
    }
}

#[test]
fn a_dropped_connection_and_a_silence_end_with_a_reason() {
    let (peer, server) = faulty(&[]);
    for (stage, fault, words) in [
        (".", Fault::Drop, "incomplete response"),
        ("rcpt", Fault::Stall, "no answer to alice@example.net within 300ms"),
        (".", Fault::Stall, "no answer to the whole message in time"),
    ] {
        peer.fail(stage, fault);
        server.send(&Request::new().bytes());
        server.logged(&["email", words]);
    }
}

#[test]
fn no_text_of_a_camera_becomes_a_header() {
    let (peer, server) = faulty(&[]);
    // As an attacker writes them; a camera would escape the references.
    let raw = |request: Request| {
        let body = String::from_utf8(request.file("A.JPG", b"x").body()).unwrap();
        Request::with_body(body.replace("&amp;#", "&#").as_bytes())
    };
    let request = raw(Request::new().title("Hi&#13;&#10;Bcc: eve@example.org"));
    assert_eq!(server.send(&request).body, SUCCESS);
    server.settle();
    let message = peer.received().remove(0);
    let text = String::from_utf8_lossy(&message);
    assert!(text.contains("\r\nSubject: Hi Bcc: eve@example.org\r\n"), "{text:.2000}");

    let evil = Request::new().file("a&#10;\"; x=\"b.JPG", PHOTO).title("\"Bcc: eve@example.org");
    assert_eq!(server.send(&evil.bytes()).body, SUCCESS);
    server.settle();
    let message = peer.received().remove(1);
    let text = String::from_utf8_lossy(&message);
    assert!(!text.contains("\nBcc:"), "{text:.2000}");
    let recipient = Request::new().to(&["a@example.org&#10;Bcc: eve@example.org"]);
    server.send(&raw(recipient)).assert_error(400, "is no address");
    assert_eq!(peer.received().len(), 2);
}

#[test]
fn the_connection_serves_the_next_message_and_a_dead_one_is_replaced() {
    let (peer, server) = faulty(&[]);
    for _ in 0..3 {
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    }
    server.settle();
    assert_eq!(peer.received().len(), 3);
    let (peer, server) = faulty(&[("rset", Fault::Drop)]);
    for _ in 0..2 {
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    }
    server.settle();
    assert_eq!(peer.received().len(), 2);
}
