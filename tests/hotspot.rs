//! The check before everything else (`protocol.md` 5).

use std::io::Write;

use afterimage::emulator::Model;
use afterimage::emulator::request::hotspot;

use crate::fixture::{Answer, Server, connect_from};

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

const YAHOO: &[u8] = b"GET / HTTP/1.1\r\nHost: www.yahoo.co.kr\r\n\r\n";
const MSN: &[u8] = b"GET / HTTP/1.0\r\nHost: www.msn.com\r\n\r\n";

#[test]
fn emulated_cameras_ask_as_the_real_ones() {
    let absolute = "GET http://gld.samsungosp.com/ HTTP/1.0\r\n\r\n";
    assert_eq!(hotspot::request(Model::Nx300), absolute);
    let mini = "GET / HTTP/1.1\r\nHost: gld.samsungosp.com\r\n\r\n";
    assert_eq!(hotspot::request(Model::NxMini), mini);
    assert_eq!(hotspot::request(Model::Wb850f).as_bytes(), YAHOO);
    assert_eq!(hotspot::request(Model::Wb37f).as_bytes(), MSN);
}

/// A04
#[test]
fn yahoo_redirects_first() {
    let server = Server::start("");
    let answer = server.send(YAHOO);
    assert_eq!((answer.status, answer.header("Location")), (302, vec!["http://yahoo.com"]));
}

/// A05
#[test]
fn yahoo_sets_its_cookie_the_second_time() {
    let server = Server::start("");
    assert_eq!(server.send(YAHOO).status, 302);
    let second = server.send(YAHOO);
    assert_eq!((second.status, second.body.as_str()), (200, "YAHOO!"));
    assert_eq!(second.header("Set-Cookie"), ["samsung=hotspot; Domain=.yahoo.co.kr; Path=/"]);
    assert_eq!(second.first_read, second.length);
    assert_eq!(server.send(YAHOO).status, 302);
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

#[test]
fn two_cameras_and_a_browser_in_turn_each_see_their_own_sequence() {
    let server = Server::start("");
    let ask = |address: [u8; 4], request: &[u8]| {
        let mut stream = connect_from(address, server.address);
        stream.write_all(request).unwrap();
        Answer::read(&mut stream).status
    };
    let (one, two, browser) = ([127, 0, 3, 1], [127, 0, 3, 2], [127, 0, 3, 3]);
    assert_eq!(ask(one, MSN), 302);
    assert_eq!(ask(browser, MSN), 302);
    assert_eq!(ask(two, MSN), 302);
    assert_eq!(ask(two, YAHOO), 302);
    assert_eq!(ask(one, MSN), 200);
    assert_eq!(ask(browser, YAHOO), 302);
    assert_eq!(ask(two, MSN), 200);
    assert_eq!(ask(two, YAHOO), 200);
    assert_eq!(ask(one, MSN), 302);
}

#[test]
fn an_operator_can_choose_the_answer_for_each_host() {
    let server = Server::start("HOTSPOT = { \"www.msn.com\" = \"cookie\" }\n");
    for _ in 0..2 {
        assert_eq!(server.send(MSN).body, "MSN");
    }
    assert_eq!(server.send(YAHOO).status, 302);
    assert_eq!(server.send(YAHOO).status, 200);
    let server = Server::start("HOTSPOT = \"redirect\"\n");
    for _ in 0..2 {
        assert_eq!(server.send(YAHOO).status, 302);
    }
}

#[test]
fn the_page_shows_which_browser_a_camera_has_and_runs_nothing_of_it() {
    let server = Server::start("");
    let request = b"GET / HTTP/1.1\r\nHost: www.samsungimaging.com\r\n\
        User-Agent: DI-NX300 <script>alert(\"1\")</script>\r\n\r\n";
    let answer = server.send(request);
    let shown = "DI-NX300 &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;";
    assert!(answer.body.contains(shown) && !answer.body.contains("<script"), "{answer:?}");
    let long = format!("GET / HTTP/1.1\r\nUser-Agent: {}\r\n\r\n", "<".repeat(5000));
    let answer = server.send(long.as_bytes());
    assert!(answer.length < 1400 && answer.first_read == answer.length, "{answer:?}");
}
