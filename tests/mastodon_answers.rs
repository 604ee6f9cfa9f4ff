//! `mastodon` and answers that are not what they look like: only what nobody
//! but the server can have said counts.

use std::time::{Duration, SystemTime};

use serde_json::json as value;

use crate::fixture::mastodon::{Reply, Scripted, json};
use crate::fixture::{PHOTO, Request, SUCCESS, Server};
use crate::mastodon_delivery::{MEDIA, POST, error, patient, posted, send, server};

const PAGE: &str = "<!DOCTYPE html><html><title>Welcome</title><h1>Please log in</h1></html>";

fn page(status: u16) -> Reply {
    Reply::Answer(status, "Content-Type: text/html; charset=utf-8\r\n".to_owned(), PAGE.to_owned())
}

/// What the log says of a delivery to a server with these rules.
#[track_caller]
fn waits(rules: Vec<(&str, Reply)>, words: &[&str]) -> (Server, Scripted) {
    let peer = Scripted::start(rules);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["action mastodon failed", "next attempt"]);
    server.logged(words);
    (server, peer)
}

#[test]
fn a_page_in_the_place_of_an_answer_proves_no_post() {
    let bare = || Reply::Answer(200, String::new(), PAGE.to_owned());
    let other = || json(200, value!({ "ok": true }));
    for (what, reply) in [
        ("GET /api/v2/instance", page(200)),
        (MEDIA, page(200)),
        (MEDIA, other()),
        (POST, page(200)),
        (POST, bare()),
        (POST, other()),
        (POST, json(200, value!([]))),
        (POST, json(200, value!({ "id": null }))),
        (POST, Reply::Answer(204, String::new(), String::new())),
    ] {
        let (server, peer) = waits(vec![(what, reply.clone())], &["mastodon"]);
        assert!(!server.log().contains("delivered"), "{what} {reply:?}");
        server.queue(&["retry", "--all"]);
        server.logged(&["delivered: posted 2 files"]);
        let posts = peer.requests(POST);
        assert_eq!(posts.len(), if what == POST { 2 } else { 1 });
    }
}

#[test]
fn a_page_does_not_prove_that_a_file_is_processed() {
    let (_server, peer) = waits(
        vec![(MEDIA, json(202, value!({ "id": "m2" }))), ("GET /api/v1/media/m2", page(200))],
        &["a page in the place of the server's answer", "Please log in"],
    );
    assert!(peer.requests(POST).is_empty());
}

#[test]
fn a_page_that_says_not_found_does_not_prove_a_post() {
    let peer = posted(vec![(POST, Reply::End), ("GET /api/v1/media/m2", page(404))]);
    assert_eq!(peer.requests(POST).len(), 2);
}

#[test]
fn a_file_that_cannot_be_processed_is_uploaded_once_more() {
    let words = "Error processing thumbnail for uploaded media";
    let peer = Scripted::start(vec![
        (MEDIA, json(202, value!({ "id": "m2" }))),
        ("GET /api/v1/media/m2", error(422, words)),
    ]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["delivered: posted 2 files"]);
    assert_eq!(peer.requests(MEDIA).len(), 3);
}

#[test]
fn a_file_that_cannot_be_processed_twice_is_rejected_with_the_servers_words() {
    let words = "Error processing thumbnail for uploaded media";
    let peer = Scripted::start(vec![
        (MEDIA, json(202, value!({ "id": "a" }))),
        ("GET /api/v1/media/a", error(422, words)),
        (MEDIA, json(202, value!({ "id": "b" }))),
        ("GET /api/v1/media/b", error(422, words)),
    ]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["rejected", "SAM_0001.JPG", words]);
    assert_eq!(peer.requests(MEDIA).len(), 2);
    // Who lets it be delivered again wants it tried anew.
    server.queue(&["retry", "--all"]);
    server.logged(&["delivered: posted 2 files"]);
}

#[test]
fn words_about_processing_do_not_make_a_refusal_wait() {
    let words = "Validation failed: processing of this language is not supported";
    let peer = Scripted::start(vec![(POST, error(422, words))]);
    let server = patient(&peer.url);
    send(&server);
    server.logged(&["rejected", words]);
}

#[test]
fn a_pause_is_understood_however_it_is_written() {
    let in_two_hours = SystemTime::now() + Duration::from_secs(7200);
    let date = httpdate(in_two_hours);
    for (headers, least, most) in [
        (format!("Retry-After: {date}\r\n"), 7000, 9000),
        ("Retry-After: 600\r\n".to_owned(), 500, 800),
        (format!("X-RateLimit-Reset: {}\r\n", with_offset(in_two_hours)), 7000, 9000),
    ] {
        let body = value!({ "error": "Too many requests" }).to_string();
        let headers = format!("Content-Type: application/json\r\n{headers}");
        let (server, _peer) = waits(
            vec![(MEDIA, Reply::Answer(429, headers.clone(), body))],
            &["the server wants a pause"],
        );
        let wait = next_attempt(&server);
        assert!((least..=most).contains(&wait), "{headers}: {wait} s");
    }
}

/// Seconds until the next attempt, which chance puts off a little, of the only delivery.
fn next_attempt(server: &Server) -> u64 {
    let deliveries = server.deliveries(&[]);
    let at = deliveries[0]["next_attempt"].as_str().unwrap();
    let at = humantime::parse_rfc3339_weak(at).unwrap();
    at.duration_since(SystemTime::now()).unwrap().as_secs()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// RFC 9110's form of a date.
fn httpdate(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month: usize = text[5..7].parse().unwrap();
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let day = days[usize::try_from(seconds(time) / 86_400 % 7).unwrap()];
    format!("{day}, {} {} {} {} GMT", &text[8..10], months[month - 1], &text[..4], &text[11..19])
}

/// The time as a clock in Paris shows it in summer.
fn with_offset(time: SystemTime) -> String {
    let local = humantime::format_rfc3339_seconds(time + Duration::from_secs(7200)).to_string();
    local.replace('Z', "+02:00")
}

#[test]
fn what_stands_before_the_server_is_told_apart_from_it() {
    let location = "Location: https://login.example.com/cdn-cgi/access?to=x\r\n".to_owned();
    for (what, reply, words) in [
        (MEDIA, page(403), "something before the server refuses: Welcome Please log in (403)"),
        (POST, page(401), "something before the server refuses"),
        (
            "GET /api/v2/instance",
            Reply::Answer(302, location, String::new()),
            "something before the server leads to https://login.example.com/cdn-cgi/access",
        ),
    ] {
        let (server, _peer) = waits(vec![(what, reply)], &[words]);
        assert!(!server.log().contains("new TOKEN") && !server.log().contains("BASE_URL"));
        server.queue(&["retry", "--all"]);
        server.logged(&["delivered: posted 2 files"]);
    }
}

#[test]
fn a_text_is_as_long_as_mastodon_counts_it() {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer.url, "t0ken");
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
    let link = format!("https://photos.example.org/{}", "a".repeat(400));
    let mention = format!("@alice@{}.example.org", "b".repeat(60));
    for text in
        [family.repeat(500), format!("{link} {}", "c".repeat(470)), mention + &" d".repeat(240)]
    {
        let request = Request::new().to(&["toot@example.net"]).text(&format!("{text}~a boat"));
        let answer = server.send(&request.file("A.JPG", PHOTO).bytes());
        assert_eq!(answer.body, SUCCESS, "{text}");
        server.logged(&["delivered: posted 1 files"]);
    }
    let request =
        Request::new().to(&["toot@example.net"]).text(&format!("{}~a boat", "e".repeat(501)));
    server.send(&request.file("A.JPG", PHOTO).bytes()).assert_error(400, "501 characters");
}
