//! `afterimage camera`: the emulated cameras against the real server, and
//! against answers that a camera does not take.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use crate::email::{J2, captured};
use crate::fixture::{BOUNDARY, J1, SUCCESS, Server, V1, afterimage};

/// Runs `afterimage camera` in the server's folder, which has `a.jpg`,
/// `b.jpg` and `c.mp4`.
fn camera(server: &Server, arguments: &[&str]) -> Output {
    for (name, bytes) in [("a.jpg", J1), ("b.jpg", b"another"), ("c.mp4", V1)] {
        std::fs::write(server.folder().join(name), bytes).unwrap();
    }
    let host = server.address.to_string();
    let arguments = [&["camera"], arguments, &["--host", &host]].concat();
    afterimage(server.folder(), &arguments)
}

#[track_caller]
fn assert_says(output: &Output, content: bool, words: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), content, "{text}{error}");
    assert!(text.contains(words) || error.contains(words), "no {words:?} in {text}{error}");
}

#[test]
fn every_model_with_a_sharing_menu_shares_two_photos() {
    let server = Server::start("");
    for model in ["nx300", "nxmini", "st200f", "wb850f", "wb37f", "dv300f", "ex2f", "hmx-qf30"] {
        let text = "Holiday shot!~fancy flower bed~traffic sign";
        let output = camera(
            &server,
            &[
                "social",
                "--model",
                model,
                "--service",
                "facebook",
                "--text",
                text,
                "a.jpg",
                "b.jpg",
            ],
        );
        assert_says(&output, true, "camera: sent");
    }
    let stored: Vec<Vec<u8>> = server.stored().into_values().collect();
    assert_eq!(stored, [J1.to_vec(), b"another".to_vec()]);
}

#[test]
fn a_video_is_shared_where_the_menu_offers_it() {
    let server = Server::start("");
    assert_says(&camera(&server, &["social", "--service", "youtube", "c.mp4"]), true, "sent");
    assert_eq!(server.only_stored().1, V1);
    let elsewhere = camera(&server, &["social", "--service", "picasa", "c.mp4"]);
    assert_says(&elsewhere, false, "facebook and youtube only");
}

#[test]
fn every_model_with_email_mails() {
    let server = Server::start("");
    for model in ["nx300", "nx500", "nxmini", "st200f", "wb850f", "wb37f", "dv300f", "ex2f"] {
        let output = camera(&server, &["email", "--model", model, "a.jpg", "c.mp4"]);
        assert_says(&output, true, "camera: sent");
    }
    assert_eq!(server.stored().len(), 2);
    assert_says(&camera(&server, &["email", "--model", "st1000", "a.jpg"]), false, "no e-mail");
}

#[test]
fn every_model_gets_past_its_hotspot_check() {
    let server = Server::start("");
    for model in ["nx300", "nx500", "nxmini", "st200f", "wb850f", "wb37f", "dv300f", "ex2f"] {
        assert_says(&camera(&server, &["hotspot", "--model", model]), true, "camera: online");
    }
}

#[test]
fn a_model_that_wants_the_cookie_is_never_content_with_redirects_alone() {
    let server = Server::start("HOTSPOT = \"redirect\"\n");
    let wb37f = camera(&server, &["hotspot", "--model", "wb37f"]);
    assert_says(&wb37f, false, "wants a cookie of .msn.com");
    assert_says(&camera(&server, &["hotspot", "--model", "wb850f"]), true, "online");
}

#[test]
fn a_refused_login_is_a_failure_on_the_camera() {
    let server = Server::start("");
    let output = camera(&server, &["social", "--user", "nobody@example.org", "a.jpg"]);
    assert_says(&output, false, "Login failed");
    assert!(server.stored().is_empty());
}

#[test]
fn an_st1000_stops_where_nobody_knows_further() {
    let server = Server::start("");
    let output = camera(&server, &["social", "--model", "st1000", "a.jpg"]);
    assert_says(&output, false, "currentServerTime");
    assert_says(&output, false, "nobody knows");
}

#[test]
fn the_email_of_an_emulated_nx300_is_the_captured_one() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = peer.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("SAM_0042.JPG"), J2).unwrap();
    let end = format!("\r\n--{BOUNDARY}\r\n");
    let sent = captured();
    let at = sent.windows(3).position(|bytes| bytes == b"606").unwrap();
    let length = (606 + end.len()).to_string();
    let expected = [&sent[..at], length.as_bytes(), &sent[at + 3..], end.as_bytes()].concat();
    let seen = std::thread::scope(|scope| {
        let listening = scope.spawn(|| {
            let (mut stream, _) = peer.accept().unwrap();
            let mut seen = vec![0; expected.len()];
            stream.read_exact(&mut seen).unwrap();
            // In one piece, or the camera misses the body.
            let answer = format!("HTTP/1.1 200 OK\r\n\r\n{SUCCESS}");
            stream.write_all(answer.as_bytes()).unwrap();
            drop(stream);
            seen
        });
        let to = ["--to", "alice@example.net", "--text", "Hello", "--host", &host];
        let arguments =
            [&["camera", "email", "--model", "nx300", "SAM_0042.JPG"], &to[..]].concat();
        let output = afterimage(folder.path(), &arguments);
        assert_says(&output, true, "camera: sent");
        listening.join().unwrap()
    });
    assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&expected));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let server = Server::start("");
    let host = server.address.to_string();
    for (arguments, input) in
        [(vec!["camera", "hotspot", "--host", &host], ""), (vec!["password"], "secret\n")]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = Command::new(env!("CARGO_BIN_EXE_afterimage"))
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{arguments:?}: {error}");
    }
}

#[test]
fn an_error_that_nobody_reads_is_still_a_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .args(["camera", "hotspot", "--host", "127.0.0.1:1"])
        .stdin(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
