//! Guests that want more of `wasi:http` than they are granted.

use crate::fixture::mastodon::{Reply, Scripted};
use crate::fixture::{Request, SUCCESS, Server, assert_reported, hostile};

/// A server with this guest, which asks for `url` and may reach `origin`.
fn server(name: &str, url: &str, origin: &str, limits: &str) -> Server {
    let allow = format!("HTTP = [{origin:?}], PRIVATE_NETWORKS = true");
    let config = hostile(name, &allow, &format!("URL = {url:?}"));
    let server = Server::start(&config.replace("[HOSTILE]", &format!("{limits}\n[HOSTILE]")));
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server
}

#[test]
fn a_redirect_to_a_host_that_is_not_granted_leads_nowhere() {
    let other = Scripted::start(Vec::new());
    let location = format!("Location: {}/stolen\r\n", other.url);
    let peer = Scripted::start(vec![("GET /start", Reply::Answer(302, location, String::new()))]);
    let server = server("http-follow", &format!("{}/start", peer.url), &peer.url, "");
    let line = format!(
        "http refused; to allow it, add to [PLUGINS.hostile]: ALLOW = {{ HTTP = [\"{}\", \"{}\"] }}",
        peer.url, other.url
    );
    server.logged(&[&line]);
    server.logged(&["rejected", "not followed: ErrorCode::HttpRequestDenied"]);
    assert_reported(&server, "http-follow");
    assert!(other.seen().is_empty());
    assert_eq!(peer.seen().len(), 1);
}

#[test]
fn a_host_of_its_own_making_never_reaches_the_server() {
    let peer = Scripted::start(Vec::new());
    let server = server("http-own-host", &format!("{}/x", peer.url), &peer.url, "");
    let line = server.logged(&["delivered: host: "]);
    assert!(line.contains("host: Err(\"HeaderError::Forbidden\")"), "{line}");
    assert_reported(&server, "http-own-host");
    let host = peer.url.strip_prefix("http://").unwrap();
    for seen in peer.seen() {
        assert!(!seen.head.contains("other.example.org"), "{}", seen.head);
        assert!(seen.head.contains(&format!("\r\nhost: {host}\r\n")), "{}", seen.head);
    }
}

#[test]
fn an_answer_without_end_is_cut() {
    let peer = Scripted::start(vec![("GET /endless", Reply::Endless)]);
    let server = server("http-read", &format!("{}/endless", peer.url), &peer.url, "");
    let line = server.logged(&["delivered: read "]);
    assert!(line.contains("exceeds limit: 16777216 bytes"), "{line}");
    let length = line.split_once("read ").and_then(|(_, rest)| rest.split_once(" bytes"));
    assert!(length.unwrap().0.parse::<usize>().unwrap() <= 16 << 20, "{line}");
}

#[test]
fn an_answer_that_does_not_come_ends_with_the_time_of_the_call() {
    let peer = Scripted::start(vec![("GET /slow", Reply::Stalling)]);
    let url = format!("{}/slow", peer.url);
    let server = server("http-read", &url, &peer.url, "LIMITS = { WALL = \"2 s\" }");
    server.logged(&["delivered: read 1 bytes, then connection read timeout"]);
    assert_reported(&server, "http-read");
}

#[test]
fn an_answer_that_comes_byte_by_byte_ends_with_the_time_of_the_call() {
    let peer = Scripted::start(vec![("GET /slow", Reply::Dripping)]);
    let url = format!("{}/slow", peer.url);
    let server = server("http-read", &url, &peer.url, "LIMITS = { WALL = \"2 s\" }");
    server.logged(&["delivered: read ", "connection read timeout"]);
}

#[test]
fn no_spelling_of_a_metadata_service_is_reached() {
    for host in [
        "169.254.169.254",
        "169.254.43518",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "[64:ff9b::a9fe:a9fe]",
    ] {
        let origin = format!("http://{host}");
        let server = server("fetch", &format!("{origin}/latest/meta-data"), &origin, "");
        server.logged(&["which is no public address"]);
        server.logged(&["rejected", "DestinationIpProhibited"]);
        assert_reported(&server, "fetch");
    }
}

/// A server with the guest `http-read`, whose requests carry a secret to a peer
/// that answers so, and the peer.
fn with_secret(reply: Reply) -> (Server, Scripted) {
    let peer = Scripted::start(vec![("GET /page", reply)]);
    let url = format!("{}/page", peer.url);
    let secret = format!(
        "SECRETS = [{{ ORIGIN = {:?}, HEADER = \"Authorization\", VALUE = \"Bearer s3cretsecret\" }}]",
        peer.url
    );
    (server("http-read", &url, &peer.url, &secret), peer)
}

#[test]
fn an_answer_that_drips_for_long_costs_no_computing_time() {
    let pieces = (0..150).map(|_| "x".to_owned()).collect();
    let peer = Scripted::start(vec![("GET /page", Reply::Pieces(pieces))]);
    let url = format!("{}/page", peer.url);
    // 150 waits: as many epochs of 10 ms, were they counted, are 1.5 s.
    let server = server("http-read", &url, &peer.url, "LIMITS = { CPU = \"1 s\" }");
    server.logged(&["delivered: read 150 bytes"]);
}

#[test]
fn pieces_that_might_be_the_secret_are_held_back_until_they_are_not() {
    let almost = "s3cretsecre".chars().map(String::from);
    let pieces: Vec<String> = almost.clone().chain(almost).chain(["end".to_owned()]).collect();
    let length = pieces.concat().len();
    let (server, _peer) = with_secret(Reply::Pieces(pieces));
    server.logged(&[&format!("delivered: read {length} bytes, then closed")]);
}

#[test]
fn a_secret_that_comes_back_piece_by_piece_is_not_passed_on() {
    let pieces = "page s3cretsecret".chars().map(String::from).collect();
    let (server, _peer) = with_secret(Reply::Pieces(pieces));
    let line = server.logged(&["delivered: read 5 bytes, then "]);
    assert!(line.contains("denied") && !line.contains("closed"), "{line}");
}

#[test]
fn a_request_with_a_secret_asks_for_an_answer_that_can_be_looked_through() {
    let page = Reply::Answer(200, "Content-Encoding: gzip\r\n".to_owned(), "?".to_owned());
    let (server, peer) = with_secret(page);
    server.logged(&["the answer to a request with a secret is compressed"]);
    let head = &peer.requests("GET /page")[0].head;
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
}
