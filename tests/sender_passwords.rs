//! `SENDERS` with passwords, and the command that hashes them.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::fixture::social::{KEY, PASSWORD, USER, login, post};
use crate::fixture::{Request, SUCCESS, Server};

/// What `afterimage password` prints for a password on standard input.
fn hashed(password: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .arg("password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_sender_with_a_password_has_to_give_it() {
    let senders = hashed("secret\n");
    assert!(senders.contains("$argon2id$") && !senders.contains("secret"), "{senders}");
    let server = Server::start(&senders);
    server.log_in("facebook");

    // protocol.md 4.4, V04: another password
    let body = login(USER, "cynGH59mkQP5N7gldadLuQ%3D%3D", Some(KEY));
    server.send(&post("/facebook/auth", &body)).assert_error(401, "Login failed");
    server.logged(&["wrong password of \"Camera@samsungcamera.com\""]);
    assert!(!server.log().contains("argon2id"));
    // E-mails carry no password.
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
}

#[test]
fn a_sender_of_the_table_may_have_no_password() {
    let server = Server::start("[SENDERS]\n\"camera@samsungcamera.com\" = \"\"\n");
    let body = login(USER, PASSWORD, Some(KEY));
    assert_eq!(server.send(&post("/facebook/auth", &body)).status, 200);
}

#[test]
fn an_operator_can_try_the_error_codes_of_the_gateway() {
    let server = Server::start(&format!("ERROR_CODES = \"gateway\"\n{}", hashed("secret\n")));
    let code = |body: &str| {
        let answer = server.send(&post("/facebook/auth", body));
        (answer.status, answer.attribute("ErrCode"), answer.attribute("ErrSubCode"))
    };
    // protocol.md 4.4, V18: another user; V04: another password
    let user = login("d5MTzjSat8lEw0QIcYMGBpa%2BAyVAFIJ6dBu5dBqxfCU%3D", PASSWORD, Some(KEY));
    assert_eq!(code(&user), (401, "3111".to_owned(), "31111".to_owned()));
    let password = login(USER, "cynGH59mkQP5N7gldadLuQ%3D%3D", Some(KEY));
    assert_eq!(code(&password), (401, "3111".to_owned(), "31112".to_owned()));
    let nonsense = login(USER, PASSWORD, Some("AAAA"));
    assert_eq!(code(&nonsense), (401, "3111".to_owned(), "0".to_owned()));
    // What is no login keeps its code.
    server.send(&Request::new().from("x@example.org").bytes()).assert_error(401, "whitelist");
}

#[test]
fn an_empty_password_is_not_hashed() {
    let output = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .arg("password")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
}
