//! The action `mastodon` against real servers and, for what these cannot
//! show, a scripted one (`protocol.md` 7, A30).

use serde_json::{Value, json as value};

use crate::fixture::mastodon::{Mock, Reply, Scripted, json};
use crate::fixture::{PHOTO, Request, SUCCESS, Server};

/// The token of the scripted servers. Looked for in logs.
const TOKEN: &str = "t0ken-t0ken-t0ken";

/// A JPEG with GPS data in EXIF and XMP.
const WITH_PLACE: &[u8] = include_bytes!("../plugins/mastodon/tests/place.jpg");

/// A server whose e-mails to toot@example.net are posted.
fn server(url: &str, token: &str, settings: &str) -> Server {
    Server::start(&format!(
        "[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {url:?}\nTOKEN = {token:?}\n{settings}\n"
    ))
}

fn two_boats() -> Request {
    Request::new()
        .to(&["toot@example.net"])
        .text("Boats~a red boat~a blue boat")
        .file("SAM_0001.JPG", PHOTO)
        .and_file("SAM_0002.JPG", WITH_PLACE)
}

fn one_boat() -> Request {
    Request::new().to(&["toot@example.net"]).text("Boat~a red boat").file("SAM_0001.JPG", PHOTO)
}

/// Sends one picture to a server with these rules, and asserts that it is not
/// delivered, for a reason with these words, and that no log has the token.
#[track_caller]
fn assert_not_posted(rules: Vec<(&str, Reply)>, words: &str) -> Scripted {
    let peer = Scripted::start(rules);
    let server = server(&peer.url, TOKEN, "");
    server.send(&one_boat().bytes());
    server.logged(&["mastodon", words]);
    assert!(!server.log().contains(TOKEN));
    peer
}

#[test]
fn two_photos_by_email_become_one_post_with_two_alt_texts() {
    let Some(peer) = Mock::start() else { return };
    let settings = "POSTSCRIPT = \"#photo\"\nVISIBILITY = \"unlisted\"\nLANGUAGE = \"en\"";
    let server = server(&peer.url, Mock::TOKEN, settings);
    assert_eq!(server.send(&two_boats().bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 2 files"]);

    let posts = peer.posts();
    let [post] = posts.as_slice() else { panic!("{posts:?}") };
    let content = post["content"].as_str().unwrap();
    assert!(content.contains("Boats") && content.contains("photo"), "{content}");
    assert!(!content.contains('\u{1f4f7}'), "{content}");
    assert_eq!(post["visibility"], "unlisted");
    assert_eq!(post["language"], "en");
    assert_eq!(alt_texts(post), ["a red boat", "a blue boat"]);
    assert!(!server.log().contains(Mock::TOKEN));
}

fn alt_texts(post: &Value) -> Vec<&str> {
    let media = post["media_attachments"].as_array().unwrap();
    media.iter().map(|media| media["description"].as_str().unwrap()).collect()
}

#[test]
fn more_pictures_than_a_post_takes_become_a_thread() {
    let Some(peer) = Mock::start() else { return };
    let server = server(&peer.url, Mock::TOKEN, "");
    let mut request = one_boat().text("Boats~1~2~3~4~5");
    for number in 2..=5 {
        request = request.and_file(&format!("SAM_000{number}.JPG"), PHOTO);
    }
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 5 files in 2 posts"]);
    let posts = peer.posts();
    let [second, first] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!(alt_texts(first), ["1", "2", "3", "4"]);
    assert_eq!(alt_texts(second), ["5"]);
    assert_eq!(second["in_reply_to_id"], first["id"]);
}

#[test]
fn more_pictures_than_a_post_takes_are_refused_where_the_operator_wants_it() {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer.url, TOKEN, "ON_TOO_MANY = \"reject\"");
    let mut request = one_boat().text("Boats~1~2~3~4~5");
    for number in 2..=5 {
        request = request.and_file(&format!("SAM_000{number}.JPG"), PHOTO);
    }
    server.send(&request.bytes()).assert_error(400, "more than the 4");
    assert!(peer.seen().is_empty());
}

#[test]
fn the_camera_hears_that_an_alt_text_is_missing() {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer.url, TOKEN, "");
    for text in ["Boats", "Boats~a red boat", "Boats~a red boat~", "Boats~1~2~3"] {
        server.send(&two_boats().text(text).bytes()).assert_error(400, "No alt-text");
    }
    assert!(peer.seen().is_empty());
}

#[test]
fn the_post_is_what_the_settings_say() {
    let peer = Scripted::start(Vec::new());
    let settings = "POSTSCRIPT = \"#photo\"\nVISIBILITY = \"private\"\nSENSITIVE = true";
    let server = server(&peer.url, TOKEN, settings);
    assert_eq!(server.send(&one_boat().bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 1 files", "https://social.example.org/@a/1"]);
    let posts = peer.requests("POST /api/v1/statuses");
    let [post] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!(
        serde_json::from_slice::<Value>(&post.body).unwrap(),
        value!({
            "status": "Boat\n\n#photo", "media_ids": ["m2"],
            "visibility": "private", "sensitive": true,
        })
    );
    assert!(post.head.contains("idempotency-key: "), "{}", post.head);
    assert!(peer.seen().iter().all(|seen| seen.head.contains(&format!("bearer {TOKEN}\r\n"))));
    assert!(!server.log().contains(TOKEN));
}

#[test]
fn an_instance_overrides_what_it_names_and_changes_nothing_for_the_others() {
    let peer = Scripted::start(Vec::new());
    let server = Server::start(&format!(
        "REPEAT_WINDOW = \"0 s\"\n\
         [ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n\"pub@example.net\" = \"mastodon.pub\"\n\
         [MASTODON]\nBASE_URL = {:?}\nTOKEN = {TOKEN:?}\nPOSTSCRIPT = \"#photo\"\n\
         VISIBILITY = \"unlisted\"\n[MASTODON.pub]\nVISIBILITY = \"public\"\n",
        peer.url
    ));
    for recipient in ["toot@example.net", "pub@example.net", "toot@example.net"] {
        assert_eq!(server.send(&one_boat().to(&[recipient]).bytes()).body, SUCCESS);
    }
    server.logged(&["delivered"]);
    let posts: Vec<(String, String)> = wait_for(&peer, "POST /api/v1/statuses", 3)
        .iter()
        .map(|post| {
            let post: Value = serde_json::from_slice(post).unwrap();
            let text = |key: &str| post[key].as_str().unwrap().to_owned();
            (text("status"), text("visibility"))
        })
        .collect();
    let mut visibilities: Vec<&str> = posts.iter().map(|(_, v)| v.as_str()).collect();
    visibilities.sort_unstable();
    assert_eq!(visibilities, ["public", "unlisted", "unlisted"]);
    assert!(posts.iter().all(|(status, _)| status == "Boat\n\n#photo"));
}

/// Waits until the peer has got `count` of these requests; their bodies.
fn wait_for(peer: &Scripted, what: &str, count: usize) -> Vec<Vec<u8>> {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let requests = peer.requests(what);
        if requests.len() >= count {
            return requests.into_iter().map(|seen| seen.body).collect();
        }
        assert!(std::time::Instant::now() < end, "{what}: {} of {count}", requests.len());
        std::thread::yield_now();
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn the_place_is_removed_from_a_picture_and_nothing_else() {
    for (settings, place) in [("", false), ("STRIP_LOCATION = false", true)] {
        let peer = Scripted::start(Vec::new());
        let server = server(&peer.url, TOKEN, settings);
        let request = one_boat().file("SAM_0001.JPG", WITH_PLACE);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        let uploads = wait_for(&peer, "POST /api/v2/media", 1);
        assert_eq!(holds(&uploads[0], WITH_PLACE), place, "{settings}");
        assert_eq!(holds(&uploads[0], b"2015:07:14"), place, "{settings}");
        assert!(holds(&uploads[0], b"NX300") && holds(&uploads[0], b"a red boat"));
    }
}

#[test]
fn a_file_that_the_server_still_processes_is_waited_for() {
    let peer = Scripted::start(vec![
        ("POST /api/v2/media", json(202, value!({ "id": "m7", "url": null }))),
        ("GET /api/v1/media/m7", json(206, value!({ "id": "m7", "url": null }))),
    ]);
    let server = server(&peer.url, TOKEN, "");
    assert_eq!(server.send(&one_boat().bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 1 files"]);
    let order: Vec<String> = peer.seen().into_iter().map(|seen| seen.what).collect();
    assert_eq!(
        order,
        [
            "GET /api/v2/instance",
            "POST /api/v2/media",
            "GET /api/v1/media/m7",
            "GET /api/v1/media/m7",
            "POST /api/v1/statuses",
        ]
    );
}

#[test]
fn a_server_without_the_newer_paths_is_asked_on_the_older_ones() {
    let missing = || Reply::Answer(404, String::new(), "<h1>404 Not Found</h1>".to_owned());
    let peer = Scripted::start(vec![
        ("GET /api/v2/instance", missing()),
        ("POST /api/v2/media", missing()),
        ("POST /api/v1/media", json(200, value!({ "id": 7 }))),
    ]);
    let server = server(&peer.url, TOKEN, "");
    assert_eq!(server.send(&one_boat().bytes()).body, SUCCESS);
    let post: Value =
        serde_json::from_slice(&wait_for(&peer, "POST /api/v1/statuses", 1)[0]).unwrap();
    assert_eq!(post["media_ids"], value!(["7"]));
}

#[test]
fn a_server_that_wants_a_pause_gets_it() {
    let limit = "X-RateLimit-Reset: 2099-01-01T00:00:00.000Z\r\n".to_owned();
    let peer = assert_not_posted(
        vec![(
            "POST /api/v2/media",
            Reply::Answer(429, limit, value!({ "error": "Too many requests" }).to_string()),
        )],
        "the server wants a pause: Too many requests (429)",
    );
    assert!(peer.requests("POST /api/v1/statuses").is_empty());
}

#[test]
fn a_page_of_a_proxy_is_told_by_its_words() {
    let page = "<html><h1>502 Bad Gateway</h1></html>".to_owned();
    assert_not_posted(
        vec![("POST /api/v1/statuses", Reply::Answer(502, String::new(), page))],
        "the server has a problem: 502 Bad Gateway (502)",
    );
}

#[test]
fn what_the_server_refuses_is_rejected_with_its_words() {
    assert_not_posted(
        vec![(
            "POST /api/v1/statuses",
            json(422, value!({ "error": "Validation failed: too long" })),
        )],
        "Validation failed: too long (422)",
    );
    assert_not_posted(
        vec![("POST /api/v2/media", json(401, value!({ "error": "The access token is invalid" })))],
        "The access token is invalid (401); get a new TOKEN",
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Scripted::start(Vec::new());
    let location = format!("Location: {}/api/v2/media\r\n", other.url);
    assert_not_posted(
        vec![("POST /api/v2/media", Reply::Answer(307, location, String::new()))],
        "the server leads elsewhere (307); correct BASE_URL",
    );
    assert!(other.seen().is_empty());
}

#[test]
fn an_answer_without_end_ends() {
    assert_not_posted(vec![("POST /api/v2/media", Reply::Endless)], "did not name it");
}

#[test]
fn a_connection_that_breaks_is_tried_again_later() {
    assert_not_posted(vec![("POST /api/v2/media", Reply::End)], "no answer from the server");
}

#[test]
fn a_token_that_the_server_repeats_goes_no_further() {
    let peer = assert_not_posted(
        vec![("POST /api/v2/media", json(422, value!({ "error": format!("Bearer {TOKEN}") })))],
        "",
    );
    assert!(peer.requests("POST /api/v1/statuses").is_empty());
    let header = format!("X-Echo: Bearer {TOKEN}\r\n");
    assert_not_posted(
        vec![("POST /api/v2/media", Reply::Answer(200, header, "{}".to_owned()))],
        "the server repeats the secret it was sent",
    );
}

#[test]
fn mastodon_mocks_faults_are_retried_or_told() {
    let Some(peer) = Mock::start() else { return };
    let server = server(&peer.url, Mock::TOKEN, "");
    peer.fail("POST", "/api/v1/statuses", &value!({ "type": "status", "status": 503 }));
    server.send(&one_boat().bytes());
    server.logged(&["the server has a problem"]);
}
