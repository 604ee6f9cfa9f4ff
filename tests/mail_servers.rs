//! `email` with two real mail servers: what they take, how they are spoken
//! with, and what they find in a certificate.

use std::path::Path;

use crate::fixture::certificates::{Authority, Certificate};
use crate::fixture::{
    Exim, PASSWORD, PHOTO, Postfix, Received, Request, SENDER, SUCCESS, Server, USERNAME, sha256,
};

/// The keys of a mail server on this machine that asks for a login.
fn config(port: u16, tls: &str, authority: &Path) -> String {
    format!(
        "MAIL_SERVER = \"localhost\"\nMAIL_PORT = {port}\n{tls} = true\n\
         MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\n\
         MAIL_CA_FILE = {authority:?}\nRETRY_DELAYS = [\"0 s\", \"20 ms\"]\n"
    )
}

/// Sends a mail that has everything that mails get wrong.
fn send_difficult(server: &Server) -> Vec<u8> {
    let video: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).take(100_001).collect();
    let request = Request::new()
        .to(&["alice@example.com", "jürgen@example.com"])
        .title("Grüße aus Łódź 📷")
        .text("Grüße\n.\n..\nfrom a dot")
        .and_file("여름 휴가.MP4", &video);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered", "mailed to alice@example.com, jürgen@example.com"]);
    video
}

#[track_caller]
fn assert_difficult(message: &Path, video: &[u8]) {
    let received = Received::read(message);
    assert_eq!(received.header("From"), [SENDER]);
    assert_eq!(received.header("To"), ["alice@example.com, jürgen@example.com"]);
    assert_eq!(received.header("Return-Path"), [format!("<{SENDER}>")]);
    assert_eq!(received.header("Subject"), ["Grüße aus Łódź 📷"]);
    assert_eq!(received.text().replace("\r\n", "\n").trim_end(), "Grüße\n.\n..\nfrom a dot");
    assert_eq!(
        received.files(),
        [
            ["SAM_0042.JPG", "image/jpeg", &sha256(PHOTO)],
            ["여름 휴가.MP4", "image/jpeg", &sha256(video)],
        ]
    );
}

#[test]
fn exim_gets_a_mail_by_starttls_and_login() {
    let Some(exim) = Exim::start() else { return };
    let server = Server::start(&config(exim.port, "MAIL_USE_TLS", &exim.authority()));
    let video = send_difficult(&server);
    for message in exim.messages(2) {
        assert_difficult(&message, &video);
    }
    assert!(!server.log().contains(PASSWORD));
}

#[test]
fn exim_and_postfix_get_a_mail_by_tls_from_the_first_byte() {
    if let Some(exim) = Exim::start() {
        let server = Server::start(&config(exim.tls_port, "MAIL_USE_SSL", &exim.authority()));
        let video = send_difficult(&server);
        for message in exim.messages(2) {
            assert_difficult(&message, &video);
        }
    }
    if let Some(postfix) = Postfix::start() {
        let server = Server::start(&config(postfix.tls_port, "MAIL_USE_SSL", &postfix.authority()));
        let video = send_difficult(&server);
        for message in postfix.messages(2) {
            assert_difficult(&message, &video);
        }
    }
}

#[test]
fn exims_greylist_puts_one_off_and_nobody_gets_it_twice() {
    let Some(exim) = Exim::start() else { return };
    let config = config(exim.port, "MAIL_USE_TLS", &exim.authority());
    let server = Server::start(&config.replace("\"20 ms\"", "\"1 h\""));
    let request = Request::new().to(&["alice@example.com", "grey@example.com"]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["email", "451 4.2.0 greylisted", "grey@example.com", "next attempt"]);
    exim.messages(1);

    exim.remember();
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered", "mailed to alice@example.com, grey@example.com"]);
    let messages = exim.messages(2);
    let mut received: Vec<Received> = messages.iter().map(|m| Received::read(m)).collect();
    let ids: Vec<String> = received.iter().map(|r| r.header("Message-ID").join(", ")).collect();
    assert_eq!(ids[0], ids[1]);
    received.sort_by_key(|received| received.header("Envelope-to").join(", "));
    let to: Vec<String> = received.iter().map(|r| r.header("Envelope-to").join(", ")).collect();
    assert_eq!(to, ["alice@example.com", "grey@example.com"]);
}

#[test]
fn exims_words_to_somebody_unknown_are_the_reason() {
    let Some(exim) = Exim::start() else { return };
    let server = Server::start(&config(exim.port, "MAIL_USE_TLS", &exim.authority()));
    let request = Request::new().to(&["permfail@example.com", "alice@example.com"]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["rejected", "550 5.1.1 no such user", "mailed to alice@example.com"]);
    exim.messages(1);
}

#[test]
fn exims_limit_of_size_is_known_before_it_is_reached() {
    let Some(exim) = Exim::start() else { return };
    let server = Server::start(&config(exim.port, "MAIL_USE_TLS", &exim.authority()));
    let request = Request::new().to(&["alice@example.com"]).file("A.MP4", &vec![7; 400_000]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["rejected", "localhost takes 300000"]);
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let other_name: fn(&Authority) -> Certificate = |authority| authority.issue("mail.example.org");
    let expired: fn(&Authority) -> Certificate = |authority| authority.issue_expired("localhost");
    for (certificate, words) in
        [(other_name, "not valid for name"), (expired, "certificate expired")]
    {
        let Some(postfix) = Postfix::start_with(certificate) else { return };
        for (port, tls) in [(postfix.port, "MAIL_USE_TLS"), (postfix.tls_port, "MAIL_USE_SSL")] {
            let config = config(port, tls, &postfix.authority());
            let server = Server::start(&config.replace("\"20 ms\"", "\"1 h\""));
            let request = Request::new().to(&["alice@example.com"]);
            assert_eq!(server.send(&request.bytes()).body, SUCCESS);
            let line = server.logged(&["action email failed", "its certificate is not trusted"]);
            assert!(line.contains(words), "no {words:?} in {line}");
            assert!(line.contains("MAIL_CA_FILE") && line.contains("next attempt"), "{line}");
        }
    }
}
