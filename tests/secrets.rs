//! Token and passwords stay with the host: a guest that looks everywhere finds
//! them nowhere, and no log, queue or message has them.

use crate::fixture::mastodon::{Scripted, json};
use crate::fixture::{Fault, Faulty, Request, SUCCESS, Server, files_below, hostile};

const TOKEN: &str = "t0ken-0f-mastodon";
const PASSWORD: &str = "p4ssword-0f-smtp";

/// Everything that the guest may be granted, and everybody that it asks fails
/// and repeats the secrets.
struct Leaky {
    mastodon: Scripted,
    mail: Faulty,
}

impl Leaky {
    fn start() -> Self {
        let echo = || json(422, serde_json::json!({ "error": format!("Bearer {TOKEN}") }));
        let mastodon = Scripted::start(vec![("POST /api/v2/media", echo()), ("GET /nosy", echo())]);
        let mail = Faulty::start(&[(
            "auth",
            Fault::Answer(
                "535 p4ssword-0f-smtp is wrong (cDRzc3dvcmQtMGYtc210cA==, AG1lAHA0c3N3b3JkLTBmLXNtdHA=)",
            ),
        )]);
        mail.offer(&["AUTH PLAIN"]);
        Self { mastodon, mail }
    }

    /// A server whose guest gets the two halves of a secret.
    fn server(&self, first: &str, second: &str) -> Server {
        let url = &self.mastodon.url;
        let allow = format!(
            "MAIL = [], STORE = \"nosy\", PROCESS = true, HTTP = [{url:?}], PRIVATE_NETWORKS = true"
        );
        let settings = format!(
            "FIRST = {first:?}\nSECOND = {second:?}\nURL = \"{url}/nosy\"\nCMD = \"/bin/sh -c env\""
        );
        let plugin = hostile("nosy", &allow, &settings);
        Server::start(&format!(
            "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\nMAIL_USERNAME = \"me\"\n\
             MAIL_PASSWORD = {PASSWORD:?}\nRETRY_DELAYS = [\"0 s\", \"1 h\"]\n{}\
             [MASTODON]\nBASE_URL = {url:?}\nTOKEN = {TOKEN:?}\n",
            self.mail.port,
            plugin.replace("[ACTIONS]\n", "[ACTIONS]\n\"toot@example.org\" = \"mastodon\"\n"),
        ))
    }
}

#[test]
fn no_secret_is_found_by_a_guest_that_looks_everywhere_nor_in_any_log() {
    for (secret, first, second) in [
        (TOKEN, "t0ken-", "0f-mastodon"),
        (PASSWORD, "p4ssword-", "0f-smtp"),
        // As it goes over the wire.
        ("AG1lAHA0c3N3b3JkLTBmLXNtdHA", "AG1lAHA0c3N3", "b3JkLTBmLXNtdHA"),
    ] {
        let leaky = Leaky::start();
        let server = leaky.server(first, second);
        let request = |to: &str| Request::new().text("Boat~a boat").to(&[to]).bytes();
        // Where the token goes, and where the password goes.
        for recipient in ["toot@example.org", "anybody@example.org", "hostile@example.org"] {
            assert_eq!(server.send(&request(recipient)).body, SUCCESS);
        }
        server.logged(&["action mastodon failed"]);
        server.logged(&["action email failed", "(secret)"]);
        server.logged(&["action hostile rejected", "found nowhere"]);
        assert!(leaky.mastodon.seen()[0].head.contains(&format!("bearer {TOKEN}")));

        let queue = server.queue(&["list", "--json", "--all"]);
        for text in [server.log(), queue] {
            assert!(!text.contains(secret), "{text}");
        }
        for (path, bytes) in files_below(&server.folder().join("spool")) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

/// Without this, the test above could pass because the guest is blind.
#[test]
fn a_guest_that_looks_everywhere_finds_what_it_is_given() {
    let leaky = Leaky::start();
    let server = leaky.server("t0ken-", "0f-mastodon");
    let request = Request::new().title(TOKEN).to(&["hostile@example.org"]);
    let request = request.file("A.JPG", format!("\u{fffd}{TOKEN}").as_bytes());
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["found in upload", "/upload/A.JPG", "memory"]);
}

/// The host's own requests carry the token; those of a guest to the same server
/// do not.
#[test]
fn a_token_is_added_for_the_action_it_belongs_to_and_for_no_other() {
    let leaky = Leaky::start();
    let server = leaky.server("t0ken-", "0f-mastodon");
    server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    server.logged(&["action hostile rejected", "found nowhere"]);
    let [asked] = &leaky.mastodon.requests("GET /nosy")[..] else { panic!("one request") };
    assert!(!asked.head.contains("authorization"), "{}", asked.head);
}
