//! The check before everything else (`protocol.md` 5).

use crate::fixture::{Answer, Server};

fn assert_gld(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("Content-Length"), ["0"]);
    assert_eq!(answer.header("ETag"), ["\"deadbeef\""]);
    let server = answer.header("Server");
    assert!(server.len() == 1 && server[0].starts_with("nginx"), "{answer:?}");
    assert_eq!(answer.header("Connection"), ["close"]);
}

/// A01
#[test]
fn nx_mini_hears_an_empty_page_with_etag_of_an_nginx() {
    let server = Server::start("");
    let answer = server.send(b"GET / HTTP/1.1\r\nHost: gld.samsungosp.com\r\n\r\n");
    assert_gld(&answer);
    assert_eq!(answer.first_read, answer.length);
}

/// A02
#[test]
fn the_host_of_an_absolute_target_replaces_a_missing_header() {
    let server = Server::start("");
    let answer = server.send(b"GET http://gld.samsungosp.com/ HTTP/1.0\r\n\r\n");
    assert_gld(&answer);
    assert_eq!(answer.status_line, "HTTP/1.1 200 OK");
}

/// A03
#[test]
fn the_host_may_be_in_upper_case_and_have_a_port() {
    let server = Server::start("");
    let request =
        b"GET / HTTP/1.1\r\nHOST: GLD.SAMSUNGOSP.COM:80\r\nConnection: Keep-Alive\r\n\r\n";
    assert_gld(&server.send(request));
}

/// A04, A05
#[test]
fn yahoo_redirects_first_and_sets_its_cookie_then() {
    let server = Server::start("");
    let request = b"GET / HTTP/1.1\r\nHost: www.yahoo.co.kr\r\n\r\n";
    let first = server.send(request);
    assert_eq!((first.status, first.header("Location")), (302, vec!["http://yahoo.com"]));
    let second = server.send(request);
    assert_eq!((second.status, second.body.as_str()), (200, "YAHOO!"));
    assert_eq!(second.header("Set-Cookie"), ["samsung=hotspot; Domain=.yahoo.co.kr; Path=/"]);
    assert_eq!(second.first_read, second.length);
    assert_eq!(server.send(request).status, 302);
}

/// A06
#[test]
fn msn_takes_its_own_turns() {
    let server = Server::start("");
    let request = b"GET / HTTP/1.0\r\nHost: www.msn.com\r\n\r\n";
    let first = server.send(request);
    assert_eq!((first.status, first.header("Location")), (302, vec!["http://msn.com"]));
    assert_eq!(server.send(b"GET / HTTP/1.0\r\nHost: www.yahoo.co.kr\r\n\r\n").status, 302);
    let second = server.send(request);
    assert_eq!((second.status, second.body.as_str()), (200, "MSN"));
    assert_eq!(second.header("Set-Cookie"), ["samsung=hotspot; Domain=.msn.com; Path=/"]);
}

#[test]
fn a_browser_on_any_other_host_sees_a_page() {
    let server = Server::start("");
    let answer = server.send(b"GET / HTTP/1.1\r\nHost: www.samsungimaging.com\r\n\r\n");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("Afterimage"), "{answer:?}");
}
