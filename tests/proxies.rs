//! A reverse proxy or a container's bridge in front: limits, the hotspot check
//! and the log see the camera behind it, if the operator trusts it.

use std::io::Write;
use std::net::TcpStream;

use crate::fixture::{Answer, Request, SUCCESS, Server, connect_from};

const MSN: &[u8] = b"GET / HTTP/1.1\r\nHost: www.msn.com\r\n\r\n";

fn from(address: [u8; 4], server: &Server, bytes: &[u8]) -> Answer {
    let mut stream = connect_from(address, server.address);
    stream.write_all(bytes).unwrap();
    Answer::read(&mut stream)
}

fn version_2(camera: [u8; 4]) -> Vec<u8> {
    let addresses = [&camera[..], &[192, 0, 2, 1, 0x12, 0x67, 0, 80]].concat();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &*addresses].concat()
}

#[test]
fn each_camera_behind_a_proxy_has_its_own_turn_and_its_name_in_the_log() {
    let server = Server::start("TRUSTED_PROXIES = [\"127.0.9.0/24\"]\n");
    let proxy = [127, 0, 9, 1];
    let by_line = |camera: &str, request: &[u8]| {
        let line = format!("PROXY TCP4 {camera} 192.0.2.1 4711 80\r\n");
        from(proxy, &server, &[line.as_bytes(), request].concat())
    };
    let by_header = |camera: &str, request: &[u8]| {
        let text = String::from_utf8_lossy(request);
        let (line, rest) = text.split_once("\r\n").unwrap();
        let request = format!("{line}\r\nX-Forwarded-For: 1.2.3.4, {camera}\r\n{rest}");
        from(proxy, &server, request.as_bytes())
    };
    assert_eq!(by_line("203.0.113.1", MSN).status, 302);
    assert_eq!(by_header("203.0.113.2", MSN).status, 302);
    assert_eq!(
        from(proxy, &server, &[version_2([203, 0, 113, 3]), MSN.to_vec()].concat()).status,
        302
    );
    assert_eq!(by_header("203.0.113.1", MSN).status, 200);
    assert_eq!(by_line("203.0.113.2", MSN).status, 200);
    assert_eq!(by_line("203.0.113.3", MSN).status, 200);

    let stranger = Request::new().from("x@example.org").bytes();
    by_line("203.0.113.7", &stranger).assert_error(401, "whitelist");
    server.logged(&["request refused", "peer=203.0.113.7:4711"]);
    by_header("203.0.113.8", &stranger).assert_error(401, "whitelist");
    server.logged(&["request refused", "peer=203.0.113.8"]);
    assert_eq!(by_line("203.0.113.7", &Request::new().bytes()).body, SUCCESS);
}

#[test]
fn a_proxy_that_nobody_trusts_is_not_believed() {
    let server = Server::start("");
    assert_eq!(server.send(MSN).status, 302);
    let forged = b"GET / HTTP/1.1\r\nHost: www.msn.com\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n";
    assert_eq!(server.send(forged).status, 200, "the same camera, for all it says");
    let line = b"PROXY TCP4 203.0.113.1 192.0.2.1 4711 80\r\n";
    server.send(&[line, MSN].concat()).assert_error(400, "Unknown proxy");
    server.logged(&["PROXY header", "TRUSTED_PROXIES"]);
    server.send(&version_2([203, 0, 113, 1])).assert_error(400, "Unknown proxy");
}

#[test]
fn limits_count_the_cameras_behind_a_proxy_and_not_the_proxy() {
    let server = Server::start("MAX_PER_ADDRESS = 2\nTRUSTED_PROXIES = [\"127.0.9.1\"]\n");
    let begin = |camera: &str| {
        let mut stream = connect_from([127, 0, 9, 1], server.address);
        let head = format!(
            "PROXY TCP4 {camera} 192.0.2.1 4711 80\r\nPOST /facebook/auth HTTP/1.1\r\n\
            Content-Length: 1000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let held: Vec<TcpStream> =
        (1..=10).map(|number| begin(&format!("203.0.113.{number}"))).collect();
    let mut second = begin("203.0.113.1");
    server.logged(&["203.0.113.1 has 2 connections"]);
    Answer::read(&mut begin("203.0.113.1")).assert_error(503, "Too many connections");
    drop(held);
    let _ = second.write_all(&[b'x'; 1000]);
    Answer::read(&mut second).assert_error(400, "No user name");
}

#[test]
fn what_is_no_network_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), "TRUSTED_PROXIES = [\"proxy\"]\n").unwrap();
    let output = crate::fixture::afterimage(folder.path(), &["serve"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("TRUSTED_PROXIES") && words.contains("192.168.1.0/24"), "{words}");
    assert_eq!(output.status.code(), Some(78));
}
