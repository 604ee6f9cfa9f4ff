//! The examples of `plugins/examples`, each before a server that does as it is
//! told.

use std::path::{Path, PathBuf};
use std::process::Command;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json as value;
use sha2::Sha256;

use crate::fixture::mastodon::{Reply, Scripted, json};
use crate::fixture::peers::installed;
use crate::fixture::{PHOTO, Request, SUCCESS, Server, afterimage, guest, hex, sha256, sha256_of};
use crate::languages::{root, run};

/// A server with the example `name` for a@example.org, granted the origin of
/// `peer`, with these `settings` and `secrets`.
fn server(name: &str, peer: &Scripted, settings: &str, secrets: &str) -> Server {
    serve(&guest(name), name, peer, settings, secrets, "")
}

/// The same for an example that is in `component`, with these `limits`.
fn serve(
    component: &Path,
    name: &str,
    peer: &Scripted,
    settings: &str,
    secrets: &str,
    limits: &str,
) -> Server {
    let sha256 = sha256_of(component);
    Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"a@example.org\" = {name:?}\n[{}]\n{settings}\n\
         [PLUGINS.{name}]\nCOMPONENT = {component:?}\nSHA256 = {sha256:?}\n\
         ALLOW = {{ HTTP = [{:?}], PRIVATE_NETWORKS = true }}\nSECRETS = [{secrets}]\n\
         LIMITS = {{ {limits} }}\n",
        name.to_uppercase(),
        peer.url,
    ))
}

fn upload() -> Request {
    Request::new().to(&["a@example.org"]).text("Holiday")
}

#[test]
fn the_webhook_is_told_in_json_that_the_host_has_signed() {
    let peer = Scripted::start(vec![
        ("POST /files", Reply::Answer(503, "Retry-After: 0\r\n".to_owned(), String::new())),
        ("POST /files", Reply::Answer(201, String::new(), String::new())),
        (
            "POST /event",
            Reply::Answer(
                201,
                "Location: https://home.example.org/1\r\n".to_owned(),
                String::new(),
            ),
        ),
    ]);
    let url = &peer.url;
    let server = server(
        "webhook",
        &peer,
        &format!("EVENT_URL = \"{url}/event\"\nFILES_URL = \"{url}/files\""),
        &format!(
            "{{ ORIGIN = {url:?}, HEADER = \"X-Hub-Signature-256\", SIGN = \"k3y\" }}, \
             {{ ORIGIN = {url:?}, HEADER = \"Authorization\", VALUE = \"Bearer t0ken\" }}"
        ),
    );
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["delivered: told the webhook of 1 files (201)", "https://home.example.org/1"]);

    let [_, file] = &peer.requests("POST /files")[..] else { panic!("a second attempt") };
    let form = String::from_utf8_lossy(&file.body).into_owned();
    let digest = sha256(PHOTO);
    assert!(form.contains(&digest) && form.contains("filename=\"SAM_0042.JPG\""), "{form}");
    assert!(file.body.windows(PHOTO.len()).any(|window| window == PHOTO));
    assert!(!file.head.contains("x-hub-signature"), "{}", file.head);

    let [event] = &peer.requests("POST /event")[..] else { panic!("one event") };
    let told: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!((&told["text"], &told["files"][0]["sha256"]), (&"Holiday".into(), &digest.into()));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"k3y").unwrap();
    mac.update(&event.body);
    let signature = hex(&mac.finalize().into_bytes());
    assert!(event.head.contains(&format!("x-hub-signature-256: sha256={signature}\r\n")));
    assert!(event.head.contains("authorization: bearer t0ken\r\n"));
    assert!(!server.log().contains("k3y") && !server.log().contains("t0ken"));
}

#[test]
fn the_webhook_refuses_wrong_settings_while_the_camera_waits() {
    let peer = Scripted::start(Vec::new());
    let server = server("webhook", &peer, "EVENT_URL = \"home\"", "");
    server.send(&upload().bytes()).assert_error(400, "home is no URL");
}

#[test]
fn a_server_that_repeats_a_secret_is_not_heard() {
    let peer = Scripted::start(vec![(
        "POST /event",
        Reply::Answer(400, String::new(), "you sent t0ken".to_owned()),
    )]);
    let url = &peer.url;
    let secret = format!("{{ ORIGIN = {url:?}, HEADER = \"X-Api-Key\", VALUE = \"t0ken\" }}");
    let server = server("webhook", &peer, &format!("EVENT_URL = \"{url}/event\""), &secret);
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["action webhook failed", "its answer does not end"]);
    assert!(!server.log().contains("t0ken"));
}

/// Builds an example that is not in Rust, in its own folder, with this
/// variable of `make`, and runs its test cases.
#[track_caller]
fn built(name: &str, variable: &str, tool: &Path) -> PathBuf {
    let folder = root().join("plugins/examples").join(name);
    run(Command::new("make").current_dir(&folder).arg(format!("{variable}={}", tool.display())));
    let component = folder.join(format!("{name}.wasm"));
    let tested = afterimage(&folder, &["plugin", "test", component.to_str().unwrap(), "cases"]);
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    component
}

/// What a proxy that wants a login answers.
fn page() -> Reply {
    let head = "Content-Type: text/html\r\nRetry-After: 0\r\n".to_owned();
    Reply::Answer(200, head, "<html><h1>Please log in</h1></html>".to_owned())
}

#[test]
fn a_page_in_the_place_of_the_webhooks_answer_is_no_answer() {
    let taken = || Reply::Answer(201, String::new(), String::new());
    let peer = Scripted::start(vec![
        ("POST /files", page()),
        ("POST /files", taken()),
        ("POST /event", page()),
        ("POST /event", taken()),
    ]);
    let url = &peer.url;
    let settings = format!("EVENT_URL = \"{url}/event\"\nFILES_URL = \"{url}/files\"");
    let server = server("webhook", &peer, &settings, "");
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["something before the server answers", "Please log in"]);
    server.logged(&["delivered: told the webhook of 1 files (201)"]);
    assert_eq!(peer.requests("POST /event").len(), 2);
    assert_eq!(peer.requests("POST /files").len(), 2);
}

/// Header lines that ask to be left alone for no time at all.
fn at_once() -> String {
    "Retry-After: 0\r\n".to_owned()
}

#[test]
fn immich_gets_every_file_once_and_may_have_it_already() {
    let Some(tool) = installed("python/bin/componentize-py") else { return };
    let component = built("immich", "COMPONENTIZE", &tool);
    let peer = Scripted::start(vec![
        ("POST /api/assets", json(201, value!({ "id": "one", "status": "created" }))),
        ("POST /api/assets", Reply::Answer(503, at_once(), "starting".to_owned())),
        ("POST /api/assets", page()),
        ("POST /api/assets", json(200, value!({ "id": "two", "status": "duplicate" }))),
        ("POST /api/assets", json(400, value!({ "message": "Quota has been exceeded!" }))),
    ]);
    let url = &peer.url;
    let secret = format!("{{ ORIGIN = {url:?}, HEADER = \"x-api-key\", VALUE = \"k3y\" }}");
    // Python takes 14 MiB: there is no room for the second file.
    let limits = "MEMORY = \"17 MiB\"";
    let settings = format!("URL = {url:?}");
    let server = serve(&component, "immich", &peer, &settings, &secret, limits);
    let video = vec![7; 9_000_000];
    let two = upload().file("A.JPG", b"abc").and_file("B.MP4", &video);
    assert_eq!(server.send(&two.bytes()).body, SUCCESS);
    server.logged(&["503: starting"]);
    server.logged(&[
        "delivered: uploaded 1 of 2 files to Immich, which had 1 already",
        &format!("{url}/photos/one"),
        &format!("{url}/photos/two"),
    ]);

    server.logged(&["does not answer like Immich"]);
    let [photo, first, _, second] = &peer.requests("POST /api/assets")[..] else { panic!("four") };
    assert!(photo.head.contains("x-api-key: k3y\r\n"), "{}", photo.head);
    // The example of FIPS 180.
    let sha1 = "x-immich-checksum: a9993e364706816aba3e25717850c26c9cd0d89d\r\n";
    assert!(photo.head.contains(sha1), "{}", photo.head);
    let form = String::from_utf8_lossy(&photo.body);
    for field in ["deviceAssetId", "deviceId", "fileCreatedAt", "fileModifiedAt"] {
        assert!(form.contains(&format!("name=\"{field}\"\r\n\r\n")), "{form}");
    }
    let part = "name=\"assetData\"; filename=\"A.JPG\"\r\nContent-Type: image/jpeg\r\n\r\nabc\r\n";
    assert!(form.contains(part), "{form}");
    for request in [first, second] {
        assert!(request.body.windows(video.len()).any(|window| window == video));
    }

    assert_eq!(server.send(&upload().file("C.JPG", b"abcd").bytes()).body, SUCCESS);
    server.logged(&["rejected", "Immich answers 400: Quota has been exceeded!"]);
    assert!(!server.log().contains("k3y"));
}

#[test]
fn ntfy_gets_a_message_for_every_picture_and_none_twice() {
    let Some(tool) = installed("javascript/node_modules/@bytecodealliance/componentize-js") else {
        return;
    };
    let modules = tool.parent().and_then(Path::parent).unwrap();
    let component = built("ntfy", "MODULES", modules);
    let sent = |name: &str| {
        json(200, value!({ "attachment": { "url": format!("https://ntfy.example.org/{name}") } }))
    };
    let peer = Scripted::start(vec![
        ("PUT /holiday", sent("a.jpg")),
        ("PUT /holiday", Reply::Answer(429, at_once(), "{\"error\":\"slowly\"}".to_owned())),
        ("PUT /holiday", page()),
        ("PUT /holiday", sent("b.jpg")),
        ("PUT /holiday", json(403, value!({ "error": "forbidden" }))),
    ]);
    let url = &peer.url;
    let secret =
        format!("{{ ORIGIN = {url:?}, HEADER = \"Authorization\", VALUE = \"Bearer t0ken\" }}");
    // JavaScript takes 11 MiB: there is no room for the second picture.
    let limits = "MEMORY = \"14 MiB\"";
    let settings = format!("URL = \"{url}/holiday\"\nTAGS = \"camera\"");
    let server = serve(&component, "ntfy", &peer, &settings, &secret, limits);
    let large = vec![7; 9_000_000];
    let two = Request::new().to(&["a@example.org"]).text("Grüße\r\nvom See");
    let two = two.file("A.JPG", PHOTO).and_file("B.JPG", &large);
    assert_eq!(server.send(&two.bytes()).body, SUCCESS);
    server.logged(&["429: slowly"]);
    server.logged(&[
        "delivered: sent 2 pictures",
        "https://ntfy.example.org/a.jpg",
        "https://ntfy.example.org/b.jpg",
    ]);

    server.logged(&["does not answer like ntfy"]);
    let [photo, first, _, second] = &peer.requests("PUT /holiday")[..] else { panic!("four") };
    for line in [
        "filename: a.jpg",
        "message: grüße\\nvom see",
        "tags: camera",
        "authorization: bearer t0ken",
    ] {
        assert!(photo.head.contains(&format!("{line}\r\n")), "{line}: {}", photo.head);
    }
    assert!(photo.head.contains("(1/2)\r\n"), "{}", photo.head);
    assert_eq!(photo.body, PHOTO);
    for request in [first, second] {
        assert!(request.head.contains("(2/2)\r\n") && !request.head.contains("message: "));
        assert!(request.body == large);
    }

    assert_eq!(server.send(&upload().file("C.JPG", b"abcd").bytes()).body, SUCCESS);
    server.logged(&["rejected", "ntfy answers 403: forbidden"]);
    assert!(!server.log().contains("t0ken"));
}
