//! Who the mail server is: certificates, and somebody in between who answers
//! in its place.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use crate::fixture::certificates::{Authority, Certificate};
use crate::fixture::{Fault, Faulty, Forger, Forgery, Request, SUCCESS, Server};

/// How the certificate of a forger's server is trusted: keys, and the roots
/// of the machine, which are another's unless said.
fn ways(authority: &Authority, certificate: &Certificate, folder: &Path) -> [(String, String); 3] {
    let file = folder.join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    [
        (format!("MAIL_CA_FILE = {file:?}\n"), Authority::new().pem()),
        (format!("MAIL_PIN_SHA256 = {:?}\n", certificate.sha256), Authority::new().pem()),
        (String::new(), authority.pem()),
    ]
}

/// A server whose machine trusts `roots`.
fn start(port: u16, keys: &str, roots: &str) -> Server {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("roots.pem"), roots).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    command.env("SSL_CERT_FILE", folder.path().join("roots.pem"));
    command.env_remove("SSL_CERT_DIR");
    let config = format!(
        "MAIL_SERVER = \"localhost\"\nMAIL_PORT = {port}\nMAIL_TIMEOUT = \"3 s\"\n\
         RETRY_DELAYS = [\"0 s\", \"1 h\"]\nREPEAT_WINDOW = \"0 s\"\n{keys}"
    );
    Server::start_with(command, folder, &config)
}

/// What the real server would have said last, said by somebody else.
const TAKEN: &str = "250-mx\r\n250 SIZE\r\n250 yes\r\n250 yes\r\n354 go on\r\n250 taken\r\n";

#[test]
fn what_is_forged_before_tls_never_becomes_an_answer() {
    let authority = Authority::new();
    let certificate = authority.issue("localhost");
    let folder = TempDir::new().unwrap();
    for (keys, roots) in ways(&authority, &certificate, folder.path()) {
        for (forgery, words) in [
            (Forgery::Behind(TAKEN), "without being asked"),
            (Forgery::Behind("250 taken\r\n"), "without being asked"),
            (Forgery::Behind("\r\n"), "without being asked"),
            (Forgery::Behind("2"), "without being asked"),
            (Forgery::Later(TAKEN), ""),
            (Forgery::AtTheGreeting(TAKEN), "without being asked"),
            (Forgery::AtTheHello("220 go on\r\n"), "without being asked"),
        ] {
            let forger = Forger::start(&certificate, forgery);
            let server = start(forger.port, &format!("MAIL_USE_TLS = true\n{keys}"), &roots);
            assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
            server.logged(&["action email failed", words, "next attempt"]);
            assert_eq!(server.deliveries(&[])[0]["state"], "queued", "{keys} {forgery:?}");
            assert!(forger.said.lock().unwrap().is_empty(), "{keys} {forgery:?}");
            // Nobody is in between any more: the mail has waited.
            forger.forges.store(false, Ordering::Relaxed);
            server.queue(&["retry", "--all"]);
            server.settle();
            assert_eq!(forger.taken(), 1);
        }
    }
}

#[test]
fn a_certificate_of_nobody_known_is_none() {
    let authority = Authority::new();
    let certificate = authority.issue("localhost");
    let forger = Forger::start(&certificate, Forgery::Behind(""));
    forger.forges.store(false, Ordering::Relaxed);
    let keys = "MAIL_USE_TLS = true\n";
    let server = start(forger.port, keys, &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.logged(&["its certificate is not trusted", "MAIL_CA_FILE", "MAIL_PIN_SHA256"]);
    // The machine's administrator trusts it: nothing is to be said here.
    let server = start(forger.port, keys, &authority.pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    assert_eq!(forger.taken(), 1);
}

#[test]
fn a_servers_own_certificate_may_stand_in_the_file_of_authorities() {
    let certificate = Certificate::own("localhost");
    let folder = TempDir::new().unwrap();
    certificate.write(folder.path());
    let forger = Forger::start(&certificate, Forgery::Behind(""));
    forger.forges.store(false, Ordering::Relaxed);
    let unknown = start(forger.port, "MAIL_USE_TLS = true\n", &Authority::new().pem());
    assert_eq!(unknown.send(&Request::new().bytes()).body, SUCCESS);
    let line = unknown.logged(&["its certificate is not trusted", "MAIL_CA_FILE"]);
    assert!(!line.contains("CaUsedAsEndEntity") && !line.contains("OtherError"), "{line}");

    let keys =
        format!("MAIL_USE_TLS = true\nMAIL_CA_FILE = {:?}\n", folder.path().join("cert.pem"));
    let server = start(forger.port, &keys, &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    assert_eq!(forger.taken(), 1);

    // The file is about this certificate: another of the same make is none.
    let other = Forger::start(&Certificate::own("localhost"), Forgery::Behind(""));
    other.forges.store(false, Ordering::Relaxed);
    let server = start(other.port, &keys, &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.logged(&["its certificate is not trusted", "next attempt"]);
    assert_eq!(other.taken(), 0);
}

#[test]
fn a_servers_own_certificate_is_still_one_for_a_name() {
    let certificate = Certificate::own("mail.example.org");
    let folder = TempDir::new().unwrap();
    certificate.write(folder.path());
    let forger = Forger::start(&certificate, Forgery::Behind(""));
    forger.forges.store(false, Ordering::Relaxed);
    let keys =
        format!("MAIL_USE_TLS = true\nMAIL_CA_FILE = {:?}\n", folder.path().join("cert.pem"));
    let server = start(forger.port, &keys, &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    let words = ["not valid for name localhost", "mail.example.org", "MAIL_SERVER"];
    server.logged(&words);
    assert_eq!(forger.taken(), 0);
}

#[test]
fn the_line_that_openssl_prints_is_a_pin() {
    let certificate = Authority::new().issue("mail.example.org");
    let colons = certificate.sha256.to_uppercase().into_bytes();
    let colons: Vec<_> = colons.chunks(2).map(|b| String::from_utf8_lossy(b)).collect();
    let colons = colons.join(":");
    for pin in [
        format!("sha256 Fingerprint={colons}"),
        format!("SHA256 Fingerprint={colons}"),
        format!(" {colons} "),
        certificate.sha256.clone(),
        format!("SHA256:{}", certificate.sha256),
    ] {
        let forger = Forger::start(&certificate, Forgery::Behind(""));
        forger.forges.store(false, Ordering::Relaxed);
        let keys = format!("MAIL_USE_TLS = true\nMAIL_PIN_SHA256 = {pin:?}\n");
        let server = start(forger.port, &keys, &Authority::new().pem());
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
        server.settle();
        assert_eq!(forger.taken(), 1);
    }
}

#[test]
fn what_is_not_tls_is_told_in_plain_words() {
    let peer = Faulty::start(&[]);
    let server = start(peer.port, "MAIL_USE_SSL = true\n", &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.logged(&["is not TLS", "MAIL_PORT", "MAIL_USE_TLS", "next attempt"]);

    let peer = Faulty::start(&[("connect", Fault::Drop)]);
    let server = start(peer.port, "MAIL_USE_SSL = true\n", &Authority::new().pem());
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.logged(&["ended the connection when TLS began", "MAIL_PORT", "next attempt"]);
}

#[test]
fn mail_settings_that_cannot_work_are_refused_with_the_remedy() {
    for (keys, words) in [
        ("MAIL_SERVER = \"\"\n", "MAIL_SERVER"),
        ("MAIL_SERVER = \"mail.example.org:587\"\n", "MAIL_PORT = 587"),
        ("MAIL_SERVER = \"smtp://mail.example.org:587\"\n", "without scheme"),
        ("MAIL_SERVER = \"x\"\nMAIL_TIMEOUT = \"0 s\"\n", "MAIL_TIMEOUT"),
        ("MAIL_SERVER = \"x\"\nMAIL_MAX_SIZE = \"0 B\"\n", "MAIL_MAX_SIZE"),
        ("MAIL_SERVER = \"x\"\nMAIL_DEFAULT_SENDER = \"me\"\n", "MAIL_DEFAULT_SENDER"),
        ("MAIL_SERVER = \"x\"\nMAIL_PIN_SHA256 = \"00\"\n", "64 hexadecimal digits"),
        ("[EMAIL]\nTO = [\"me@example.org \"]\n[ACTIONS]\nfacebook = \"email\"\n", "is no address"),
    ] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("config.toml"), keys).unwrap();
        let arguments = ["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"];
        let output = crate::fixture::afterimage(folder.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(words), "{keys}: {error}");
    }
}
