//! `mastodon` over the whole queue: what fails is tried again, when the server
//! wants it, and what was done is not done again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json as value};

use crate::fixture::mastodon::{Mock, Reply, Scripted, json};
use crate::fixture::{PHOTO, Request, SUCCESS, Server};

pub const TOKEN: &str = "t0ken-t0ken-t0ken";

pub const POST: &str = "POST /api/v1/statuses";
pub const MEDIA: &str = "POST /api/v2/media";

/// A server whose e-mails to toot@example.net are posted, and tried again at
/// once.
pub fn server(url: &str, token: &str) -> Server {
    Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\", \"20 ms\"]\nREPEAT_WINDOW = \"0 s\"\n\
         [ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {url:?}\nTOKEN = {token:?}\n"
    ))
}

/// The same, where a human has to say when it is tried again.
pub fn patient(url: &str) -> Server {
    Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\", \"1 h\"]\n[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {url:?}\nTOKEN = {TOKEN:?}\n"
    ))
}

fn two_boats() -> Request {
    Request::new()
        .to(&["toot@example.net"])
        .text("Boats~a red boat~a blue boat")
        .file("SAM_0001.JPG", PHOTO)
        .and_file("SAM_0002.JPG", b"\xff\xd8 another \xff\xd9")
}

#[track_caller]
pub fn send(server: &Server) {
    assert_eq!(server.send(&two_boats().bytes()).body, SUCCESS);
}

/// Sends two pictures to a server with these rules and waits until they are
/// posted; the requests that it took to do so.
#[track_caller]
pub fn posted(rules: Vec<(&str, Reply)>) -> Scripted {
    let peer = Scripted::start(rules);
    let server = server(&peer.url, TOKEN);
    send(&server);
    server.logged(&["action mastodon failed", "next attempt"]);
    server.logged(&["delivered: posted 2 files"]);
    server.settle();
    assert!(!server.log().contains(TOKEN));
    peer
}

pub fn error(status: u16, words: &str) -> Reply {
    json(status, value!({ "error": words }))
}

fn media_ids(request: &[u8]) -> Value {
    serde_json::from_slice::<Value>(request).unwrap()["media_ids"].take()
}

fn key(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap()
}

#[test]
fn what_fails_is_tried_again_and_each_file_is_uploaded_once() {
    let page = Reply::Answer(502, String::new(), "<h1>502 Bad Gateway</h1>".to_owned());
    for (rules, uploads) in [
        (vec![("GET /api/v2/instance", error(503, "maintenance"))], 2),
        (vec![(MEDIA, error(500, "oops"))], 3),
        (vec![(MEDIA, Reply::End)], 3),
        (vec![(POST, error(503, "maintenance")), (POST, page)], 2),
        (vec![(POST, Reply::End)], 2),
    ] {
        let peer = posted(rules);
        assert_eq!(peer.requests(MEDIA).len(), uploads);
        let posts = peer.requests(POST);
        for post in &posts {
            assert_eq!(key(&post.head), key(&posts[0].head));
            assert_eq!(media_ids(&post.body), media_ids(&posts[0].body));
        }
    }
}

#[test]
fn a_file_that_is_still_processed_after_all_is_waited_for() {
    let words = "Cannot attach files that have not finished processing. Try again in a moment!";
    // The status of the file tells, not the words.
    let peer = Scripted::start(vec![
        (POST, error(422, words)),
        ("GET /api/v1/media/m2", json(206, value!({ "id": "m2", "url": null }))),
    ]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["a file is not ready", words, "next attempt"]);
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!(peer.requests(MEDIA).len(), 2);
}

/// Header lines of a server that counts anew in a second.
fn soon(remaining: u32) -> String {
    let soon = SystemTime::now() + Duration::from_secs(1);
    let seconds = soon.duration_since(UNIX_EPOCH).unwrap().as_secs();
    format!("X-RateLimit-Remaining: {remaining}\r\nX-RateLimit-Reset: {seconds}\r\n")
}

#[test]
fn a_server_that_wants_a_pause_gets_it_and_then_the_rest() {
    let body = value!({ "error": "Too many requests" }).to_string();
    for headers in [soon(0), "Retry-After: 1\r\n".to_owned()] {
        let peer = posted(vec![
            (MEDIA, json(200, value!({ "id": "m1" }))),
            (MEDIA, Reply::Answer(429, headers, body.clone())),
        ]);
        assert_eq!((peer.requests(POST).len(), peer.requests(MEDIA).len()), (1, 3));
    }
}

#[test]
fn a_burst_of_photos_waits_for_the_server_and_does_not_ask_again_and_again() {
    let full = || Reply::Answer(429, "Retry-After: 1800\r\n".to_owned(), String::new());
    let peer = Scripted::start(vec![(MEDIA, full()), (MEDIA, full())]);
    let server = server(&peer.url, TOKEN);
    for _ in 0..8 {
        send(&server);
    }
    server.logged(&["action mastodon failed", "the server wants a pause", "next attempt"]);
    // The others wait behind the first, as they came.
    assert_eq!((server.deliveries(&[]).len(), peer.requests(MEDIA).len()), (8, 1));
    // An operator may be impatient; still one asks for all.
    server.queue(&["retry", "1"]);
    server.logged_times(&["action mastodon failed", "the server wants a pause"], 2);
    assert_eq!((server.deliveries(&[]).len(), peer.requests(MEDIA).len()), (8, 2));
    server.queue(&["retry", "1"]);
    server.settle();
    assert_eq!(peer.requests(POST).len(), 8);
}

#[test]
fn a_server_that_takes_no_more_files_is_not_made_to_say_so() {
    let last = Reply::Answer(200, soon(0), value!({ "id": "m1" }).to_string());
    let peer = Scripted::start(vec![(MEDIA, last)]);
    let server = server(&peer.url, TOKEN);
    send(&server);
    server.logged(&["the server takes no more files for now", "next attempt"]);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!((peer.requests(POST).len(), peer.requests(MEDIA).len()), (1, 2));
    // With room left, nobody waits.
    let more = Reply::Answer(200, soon(1), value!({ "id": "m1" }).to_string());
    let peer = Scripted::start(vec![(MEDIA, more)]);
    let server = self::server(&peer.url, TOKEN);
    send(&server);
    server.logged(&["delivered: posted 2 files"]);
    assert!(!server.log().contains("next attempt"));
}

#[test]
fn a_token_that_is_no_longer_good_is_told_and_the_photos_wait_for_a_new_one() {
    let peer = Scripted::start(vec![(MEDIA, error(401, "The access token was revoked"))]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["rejected", "The access token was revoked (401)", "afterimage login mastodon"]);
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered: posted 2 files"]);
}

#[test]
fn no_redirect_is_followed_at_any_step() {
    for (what, status) in [("GET /api/v2/instance", 301), (MEDIA, 308), (POST, 302)] {
        let other = Scripted::start(Vec::new());
        let path = what.split(' ').nth(1).unwrap();
        let location = format!("Location: {}{path}\r\n", other.url);
        let peer = Scripted::start(vec![(what, Reply::Answer(status, location, String::new()))]);
        let server = patient(&peer.url);
        send(&server);
        server.logged(&["rejected", "the server leads elsewhere", "correct BASE_URL"]);
        assert!(other.seen().is_empty(), "{what}");
    }
}

#[test]
fn each_post_of_a_thread_has_a_key_of_its_own() {
    let peer = Scripted::start(vec![(POST, json(200, value!({ "id": "s1" }))), (POST, Reply::End)]);
    let server = server(&peer.url, TOKEN);
    let mut request = two_boats().text("Boats~1~2~3~4~5");
    for number in 3..=5_u8 {
        let photo = [PHOTO, &[number]].concat();
        request = request.and_file(&format!("SAM_000{number}.JPG"), &photo);
    }
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 5 files in 2 posts"]);
    let posts = peer.requests(POST);
    let keys: Vec<&str> = posts.iter().map(|post| key(&post.head)).collect();
    let [first, second, again] = keys[..] else { panic!("{keys:?}") };
    assert!(first != second && second == again, "{keys:?}");
    for post in &posts[1..] {
        let post: Value = serde_json::from_slice(&post.body).unwrap();
        assert_eq!((&post["in_reply_to_id"], &post["status"]), (&"s1".into(), &"2/2".into()));
    }
}

#[test]
fn a_server_that_shows_less_than_it_was_given_is_told() {
    let post = value!({
        "id": "s1", "url": "https://a.example.org/1", "visibility": "public",
        "media_attachments": [{ "id": "m1" }],
    });
    let peer = Scripted::start(vec![(POST, json(200, post))]);
    let server = Server::start(&format!(
        "[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n[MASTODON]\nBASE_URL = {:?}\n\
         TOKEN = {TOKEN:?}\nVISIBILITY = \"private\"\n",
        peer.url
    ));
    send(&server);
    server.logged(&["WARN", "https://a.example.org/1 shows 1 of 2 files"]);
    server.logged(&["WARN", "https://a.example.org/1 is public, not private"]);
}

#[test]
fn mastodon_mocks_faults_delay_a_post_and_nothing_else() {
    let Some(peer) = Mock::start() else { return };
    let server = server(&peer.url, Mock::TOKEN);
    let limited = value!({ "type": "ratelimit", "status": 429, "headers": { "Retry-After": "1" } });
    let effects = [
        ("POST", "/api/v2/media", value!({ "type": "status", "status": 503 })),
        ("POST", "/api/v2/media", limited),
        ("POST", "/api/v1/statuses", value!({ "type": "status", "status": 500 })),
        ("POST", "/api/v1/statuses", value!({ "type": "latency", "delay_ms": 300 })),
        ("GET", "/api/v2/instance", value!({ "type": "malformed" })),
    ];
    for (count, (method, path, effect)) in effects.iter().enumerate() {
        peer.fail(method, path, effect);
        send(&server);
        server.logged_times(&["delivered: posted 2 files"], count + 1);
        assert_eq!(peer.posts().len(), count + 1, "{effect}");
    }
}
