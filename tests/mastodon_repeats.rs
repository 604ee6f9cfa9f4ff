//! `mastodon` where the answer to a post is lost: whether it is there is found
//! out, each server in its own way, and nothing is posted twice.

use serde_json::{Value, json as value};

use crate::fixture::Wire;
use crate::fixture::mastodon::{Mock, Reply, Scripted, Snac, http, json};
use crate::login::log_in;
use crate::mastodon_delivery::{MEDIA, POST, TOKEN, error, patient, posted, send, server};

#[test]
fn a_post_whose_answer_was_lost_is_found_by_its_files() {
    // Mastodon forgets a file as such when it becomes part of a post.
    let peer =
        posted(vec![(POST, Reply::End), ("GET /api/v1/media/m2", error(404, "Record not found"))]);
    assert_eq!(peer.requests(POST).len(), 1);
}

#[test]
fn a_post_whose_answer_was_lost_is_found_by_gotosocials_refusal() {
    let peer = posted(vec![
        (POST, Reply::End),
        (POST, error(422, "Unprocessable Entity: media already attached to status")),
    ]);
    assert_eq!(peer.requests(POST).len(), 2);
}

#[test]
fn answers_without_end_neither_hang_nor_double_a_post() {
    let peer =
        Scripted::start(vec![("GET /api/v2/instance", Reply::Endless), (POST, Reply::Endless)]);
    let server = server(&peer.url, TOKEN);
    send(&server);
    server.logged(&["in the place of the server's answer"]);
    server.logged(&["delivered: posted 2 files"]);
    server.settle();
    // The server knows the key of the first one again.
    let keys: Vec<String> = peer
        .requests(POST)
        .iter()
        .map(|post| post.head.split("idempotency-key: ").nth(1).unwrap().to_owned())
        .collect();
    assert!(keys.len() == 2 && keys[0].lines().next() == keys[1].lines().next(), "{keys:?}");
}

/// What a server that would post twice says of itself.
fn forgetful() -> (&'static str, Reply) {
    let instance = value!({ "version": "3.5.3 (compatible; Pixelfed 0.12.4)" });
    ("GET /api/v2/instance", json(200, instance))
}

fn account() -> (&'static str, Reply) {
    ("GET /api/v1/accounts/verify_credentials", json(200, value!({ "id": "7" })))
}

fn last_posts(posts: Value) -> (&'static str, Reply) {
    ("GET /api/v1/accounts/7/statuses?limit=20", json(200, posts))
}

fn shown(id: &str, texts: &[&str]) -> Value {
    let media: Vec<Value> =
        texts.iter().map(|text| value!({ "id": "x", "description": text })).collect();
    value!({ "id": id, "url": format!("https://pixels.example.org/{id}"), "media_attachments": media })
}

/// What a forgetful server answers that has these last posts before a post
/// whose answer is lost, and those after.
fn losing_the_answer(before: Value, after: Value) -> Vec<(&'static str, Reply)> {
    vec![
        forgetful(),
        account(),
        last_posts(before),
        (POST, Reply::End),
        forgetful(),
        account(),
        last_posts(after),
    ]
}

#[test]
fn a_post_whose_answer_was_lost_is_found_among_the_last_posts() {
    let before = shown("1", &["a red boat", "a blue boat"]);
    let ours = shown("3", &["a red boat", "a blue boat"]);
    let other = shown("2", &["a cat", "a dog"]);
    let peer = posted(losing_the_answer(value!([before]), value!([ours, other, before])));
    assert_eq!(peer.requests(POST).len(), 1);
}

#[test]
fn a_post_that_is_not_among_the_last_ones_is_made() {
    let before = shown("1", &["a red boat", "a blue boat"]);
    let others = value!([shown("3", &["a red boat"]), shown("2", &["a cat", "a dog"]), before]);
    let peer = posted(losing_the_answer(value!([before]), others));
    assert_eq!(peer.requests(POST).len(), 2);
}

#[test]
fn where_nothing_tells_a_human_decides() {
    let denied = || ("GET /api/v1/accounts/verify_credentials", error(403, "outside the scopes"));
    let rules = vec![
        forgetful(),
        denied(),
        (POST, Reply::End),
        forgetful(),
        denied(),
        forgetful(),
        denied(),
    ];
    let peer = Scripted::start(rules);
    let server = server(&peer.url, TOKEN);
    send(&server);
    server.logged(&["rejected", "it may be posted already: look there, then retry or drop it"]);
    assert_eq!(peer.requests(POST).len(), 1);
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!((peer.requests(POST).len(), peer.requests(MEDIA).len()), (2, 2));
}

#[test]
fn a_crash_repeats_nothing_that_is_done() {
    let peer = Scripted::start(vec![(POST, error(503, "maintenance"))]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["the server has a problem: maintenance (503)", "next attempt"]);
    let server = server.restart();
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!((peer.requests(POST).len(), peer.requests(MEDIA).len()), (2, 2));
}

#[test]
fn mastodon_mock_gets_one_post_though_its_answer_is_lost() {
    let Some(peer) = Mock::start() else { return };
    let wire = Wire::to(&peer.url);
    let server = server(&wire.url, Mock::TOKEN);
    wire.cut(POST);
    send(&server);
    server.logged(&["action mastodon failed", "next attempt"]);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!(peer.posts().len(), 1);
    assert_eq!(wire.seen().iter().filter(|what| *what == MEDIA).count(), 2);
}

/// snac posts twice whatever key it is given, so the account's list of posts
/// has to tell.
#[test]
fn snac_gets_one_post_though_its_answer_is_lost() {
    let Some(peer) = Snac::start() else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let (worked, said) = log_in(&peer.url, folder.path(), |page| peer.allow(page));
    assert!(worked, "{said}");
    let secret = std::fs::read_to_string(folder.path().join("mastodon.secret")).unwrap();
    let wire = Wire::to(&peer.url);
    let server = server(&wire.url, secret.lines().next().unwrap());
    wire.cut(POST);
    send(&server);
    server.logged(&["action mastodon failed", "next attempt"]);
    server.logged(&["delivered: posted 2 files"]);
    let posts = wire.seen().iter().filter(|what| *what == POST).count();
    let (_, page) = http(&peer.url, "GET", &format!("/{}", Snac::USER), "", "");
    assert_eq!((posts, page.matches("alt=\"a red boat\"").count()), (1, 1), "{page}");
}
