//! The examples of `plugins/examples`, each before a server that does as it is
//! told.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::fixture::mastodon::{Reply, Scripted};
use crate::fixture::{PHOTO, Request, SUCCESS, Server, guest};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server with the example `name` for a@example.org, granted the origin of
/// `peer`, with these `settings` and `secrets`.
fn server(name: &str, peer: &Scripted, settings: &str, secrets: &str) -> Server {
    let component = guest(name);
    let sha256 = hex(&Sha256::digest(std::fs::read(&component).unwrap()));
    Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"a@example.org\" = {name:?}\n[{}]\n{settings}\n\
         [PLUGINS.{name}]\nCOMPONENT = {component:?}\nSHA256 = {sha256:?}\n\
         ALLOW = {{ HTTP = [{:?}], PRIVATE_NETWORKS = true }}\nSECRETS = [{secrets}]\n",
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
    let digest = hex(&Sha256::digest(PHOTO));
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
