//! `afterimage camera`: the emulated cameras against the real server, and
//! against answers that a camera does not take.

use std::process::Output;

use crate::fixture::{J1, Server, V1, afterimage};

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
