//! `wasi:http`: what a plugin may reach, and what the operator is told about
//! the rest.

use crate::fixture::mastodon::Scripted;
use crate::fixture::{Request, SUCCESS, Server, guest, sha256_of};

/// A server with the guest `fetch`, which asks for `url`, granted `allow`.
fn server(url: &str, allow: &str) -> Server {
    let component = guest("fetch");
    let sha256 = sha256_of(&component);
    Server::start(&format!(
        "[ACTIONS]\n\"fetch@example.org\" = \"fetch\"\n[FETCH]\nURL = {url:?}\n\
         [PLUGINS.fetch]\nCOMPONENT = {component:?}\nSHA256 = {sha256:?}\n{allow}\n"
    ))
}

fn upload() -> Vec<u8> {
    Request::new().to(&["fetch@example.org"]).bytes()
}

#[test]
fn a_granted_origin_is_reached_with_the_guests_own_headers() {
    let peer = Scripted::start(Vec::new());
    let allow = format!("ALLOW = {{ HTTP = [{:?}], PRIVATE_NETWORKS = true }}", peer.url);
    let server = server(&format!("{}/api/v2/instance", peer.url), &allow);
    assert_eq!(server.send(&upload()).body, SUCCESS);
    server.logged(&["delivered: status 200"]);
    let line = server.logged(&["GET", &peer.url, "200"]);
    assert!(!line.contains("instance"), "{line}");
    assert!(peer.seen()[0].head.contains("authorization: bearer mine\r\n"));
}

#[test]
fn an_origin_that_is_not_granted_is_refused_with_the_line_to_add() {
    let peer = Scripted::start(Vec::new());
    let url = format!("{}/", peer.url);
    let line = format!("add to [PLUGINS.fetch]: ALLOW = {{ HTTP = [\"{}\"] }}", peer.url);
    let without = server(&url, "");
    without.send(&upload());
    without.logged(&["http refused", &line]);

    let line = format!("HTTP = [\"https://a.example.org\", \"{}\"]", peer.url);
    let other = server(&url, "ALLOW = { HTTP = [\"https://a.example.org\"] }");
    other.send(&upload());
    other.logged(&["http refused", &line]);
    assert!(peer.seen().is_empty());
}

#[test]
fn a_private_network_needs_a_grant_of_its_own() {
    let peer = Scripted::start(Vec::new());
    let port = peer.address().port();
    // The same machine by address, by other spellings of it, and by name.
    for host in ["127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "localhost"] {
        let origin = format!("http://{host}:{port}");
        let server = server(&format!("{origin}/"), &format!("ALLOW = {{ HTTP = [{origin:?}] }}"));
        server.send(&upload());
        server.logged(&["http to a private network refused", "PRIVATE_NETWORKS = true"]);
    }
    assert!(peer.seen().is_empty());
}

#[test]
fn metadata_services_are_out_of_reach_whatever_is_granted() {
    let allow = "ALLOW = { HTTP = [\"http://169.254.169.254\"], PRIVATE_NETWORKS = true }";
    let server = server("http://169.254.169.254/latest/meta-data", allow);
    server.send(&upload());
    server.logged(&["169.254.169.254", "which is no public address"]);
}

#[test]
fn a_user_name_in_the_address_is_refused() {
    let peer = Scripted::start(Vec::new());
    let allow = format!("ALLOW = {{ HTTP = [{:?}], PRIVATE_NETWORKS = true }}", peer.url);
    let url = format!("{}/", peer.url.replace("http://", "http://user@"));
    let server = server(&url, &allow);
    server.send(&upload());
    server.logged(&["fetch", "HttpRequestUriInvalid"]);
    assert!(peer.seen().is_empty());
}
