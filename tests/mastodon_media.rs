//! `mastodon`: what becomes of pictures, videos and their alt texts, and over
//! which wire they go.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::certificates::Authority;
use crate::fixture::mastodon::{Scripted, json};
use crate::fixture::{PHOTO, Request, SUCCESS, Server, social};

const TOKEN: &str = "t0ken-t0ken-t0ken";

/// A JPEG with GPS data in EXIF and XMP.
const WITH_PLACE: &[u8] = include_bytes!("../plugins/mastodon/tests/place.jpg");

fn config(url: &str, settings: &str) -> String {
    format!(
        "[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\nfacebook = \"mastodon\"\n\
         \"keep@example.net\" = \"store.album\"\n\
         [MASTODON]\nBASE_URL = {url:?}\nTOKEN = {TOKEN:?}\n{settings}\n"
    )
}

fn boat(text: &str) -> Request {
    Request::new().to(&["toot@example.net"]).text(text).file("SAM_0001.JPG", PHOTO)
}

/// What was posted, waited for.
#[track_caller]
fn post(server: &Server, peer: &Scripted) -> Value {
    server.logged(&["delivered: posted"]);
    server.settle();
    let posts = peer.requests("POST /api/v1/statuses");
    serde_json::from_slice(&posts.last().unwrap().body).unwrap()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn the_place_stays_in_the_archive_and_in_mails() {
    let peer = crate::fixture::Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n[ACTIONS]\n\
         \"keep@example.net\" = \"store.album\"\n[STORE.album]\n",
        peer.port
    ));
    let request = Request::new().to(&["keep@example.net", "alice@example.net"]);
    assert_eq!(server.send(&request.file("A.JPG", WITH_PLACE).bytes()).body, SUCCESS);
    assert_eq!(server.only_stored().1, WITH_PLACE);
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(WITH_PLACE);
    let mail: Vec<u8> =
        peer.received().remove(0).into_iter().filter(|byte| !b"\r\n".contains(byte)).collect();
    assert!(holds(&mail, encoded.as_bytes()));
}

#[test]
fn a_picture_without_alt_text_is_posted_where_the_operator_wants_it() {
    let peer = Scripted::start(Vec::new());
    let server = Server::start(&config(&peer.url, "MISSING_ALT = \"post\""));
    for (text, described) in [("Boat", 0), ("Boat~", 0), ("Boat~a boat", 1)] {
        let before = peer.requests("POST /api/v2/media").len();
        let request = boat(text).and_file("B.JPG", b"\xff\xd8 two \xff\xd9");
        assert_eq!(server.send(&request.bytes()).body, SUCCESS, "{text}");
        let post = post(&server, &peer);
        assert_eq!(post["status"], "Boat");
        assert_eq!(post["media_ids"].as_array().unwrap().len(), 2);
        let uploads = peer.requests("POST /api/v2/media").split_off(before);
        let descriptions = uploads.iter().filter(|upload| holds(&upload.body, b"\"description\""));
        assert_eq!(descriptions.count(), described, "{text}");
    }
    server.send(&boat("Boat~1~2~3").bytes()).assert_error(400, "3 alt-texts for 1 files");
    server.send(&boat("").and_file("B.JPG", WITH_PLACE).bytes());
    // From the sharing menu, each picture is a post unless texts say otherwise.
    let before = peer.requests("POST /api/v1/statuses").len();
    server.share("facebook", "C.JPG", "Boat", PHOTO);
    server.logged(&["delivered: posted 1 files"]);
    server.settle();
    assert_eq!(peer.requests("POST /api/v1/statuses").len(), before + 2);
}

#[test]
fn a_missing_alt_text_is_refused_where_a_word_is_wrong_too() {
    let folder = TempDir::new().unwrap();
    let config = config("https://a.example.org", "MISSING_ALT = \"yes\"");
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let output = crate::fixture::afterimage(folder.path(), &["serve", "--config", "config.toml"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("MISSING_ALT: \"yes\" is none of reject, post"), "{error}");
}

#[test]
fn pictures_of_the_sharing_menu_are_collected_until_each_alt_text_has_one() {
    let peer = Scripted::start(Vec::new());
    let server = Server::start(&config(&peer.url, "POSTSCRIPT = \"#photo\""));
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.JPG", "Boats without words");
    server.send(&social::put(&resource, "image/jpeg", PHOTO)).assert_error(400, "No alt-text");

    let text = "Boats~a red boat~a blue boat";
    for (name, bytes) in [("A.JPG", PHOTO), ("B.JPG", WITH_PLACE)] {
        assert!(peer.seen().is_empty());
        let resource = server.announce("facebook", &session, name, text);
        let answer = server.send(&social::put(&resource, "image/jpeg", bytes));
        assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
    }
    let post = post(&server, &peer);
    assert_eq!(post["media_ids"].as_array().unwrap().len(), 2);
    let status = post["status"].as_str().unwrap();
    assert!(status.starts_with("Boats\n\n\u{1f4f7}\u{fe0f} "), "{status}");
    assert!(status.ends_with("\n\n#photo"), "{status}");
    let uploads = peer.requests("POST /api/v2/media");
    for (upload, text) in uploads.iter().zip(["a red boat", "a blue boat"]) {
        assert!(holds(&upload.body, text.as_bytes()) && !holds(&upload.body, b"2015:07:14"));
    }
}

#[test]
fn what_the_server_says_it_does_not_take_is_not_sent() {
    let limits = serde_json::json!({
        "version": "4.4.0",
        "configuration": {
            "statuses": { "max_characters": 20, "max_media_attachments": 4 },
            "media_attachments": {
                "image_size_limit": 1000, "description_limit": 10,
                "supported_mime_types": ["image/png"],
            },
        },
    });
    for (request, words) in [
        (
            boat("Boat~a boat").file("A.JPG", &[0xff; 2000]),
            "A.JPG has 2000 bytes, 1000 are allowed",
        ),
        (boat("A very long text about a boat~a boat").file("A.JPG", b"x"), "29 characters, 20"),
        (boat("Boat~a description").file("A.JPG", b"x"), "13 characters, 10 are allowed"),
        (boat("Boat~a boat").file("A.JPG", b"x"), "A.JPG: the server takes no image/jpeg"),
    ] {
        let peer = Scripted::start(vec![("GET /api/v2/instance", json(200, limits.clone()))]);
        let server = Server::start(&config(&peer.url, ""));
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        server.logged(&["rejected", words]);
        assert_eq!(peer.seen().len(), 1);
    }
}

#[test]
fn a_server_of_the_operators_own_authority_is_trusted_where_the_machine_trusts_it() {
    let authority = Authority::new();
    let peer = Scripted::start_tls(Vec::new(), &authority.issue("localhost"));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    command.env("SSL_CERT_FILE", &file);
    let server = Server::start_with(command, TempDir::new().unwrap(), &config(&peer.url, ""));
    assert_eq!(server.send(&boat("Boat~a boat").bytes()).body, SUCCESS);
    assert_eq!(post(&server, &peer)["status"], "Boat");
    assert!(peer.seen().iter().all(|seen| seen.head.contains(&format!("bearer {TOKEN}\r\n"))));
}

#[test]
fn no_token_goes_to_a_server_whose_certificate_is_wrong() {
    let authority = Authority::new();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    for (certificate, trusted, why) in [
        (authority.issue("localhost"), false, "UnknownIssuer"),
        (authority.issue_expired("localhost"), true, "expired"),
        (authority.issue("social.example.org"), true, "not valid for name"),
    ] {
        let peer = Scripted::start_tls(Vec::new(), &certificate);
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
        if trusted {
            command.env("SSL_CERT_FILE", &file);
        }
        let server = Server::start_with(command, TempDir::new().unwrap(), &config(&peer.url, ""));
        assert_eq!(server.send(&boat("Boat~a boat").bytes()).body, SUCCESS);
        server.logged(&["action mastodon failed", "its certificate is wrong", "next attempt"]);
        server.logged(&["http to https://localhost:", "failed", why]);
        assert!(peer.seen().is_empty());
    }
}
