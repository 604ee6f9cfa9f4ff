//! What strangers on an open port can use up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fixture::social::put;
use crate::fixture::{Answer, Request, SUCCESS, Server, connect_from};

fn resident_bytes(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn two_hundred_connections_that_dribble_keep_no_camera_from_uploading() {
    let server = Server::start("");
    // What a first upload needs stays.
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    let before = resident_bytes(&server);
    let head = b"POST /facebook/auth HTTP/1.1\r\nContent-Length: 60000\r\n\r\n";
    let mut strangers: Vec<TcpStream> = (0..200)
        .map(|n: usize| {
            let mut stream =
                connect_from([127, 0, 1, u8::try_from(n / 50).unwrap()], server.address);
            // Half of them stay in the head, the others in the body.
            let begin = if n.is_multiple_of(2) { &head[..20] } else { &head[..] };
            stream.write_all(begin).unwrap();
            stream
        })
        .collect();
    let mut most = 0;
    for round in 0..5 {
        for stream in &mut strangers {
            stream.write_all(b"x").unwrap();
        }
        let request = Request::new().file(&format!("{round}.JPG"), &vec![round; 3 << 20]);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        most = most.max(resident_bytes(&server));
    }
    let each = most.saturating_sub(before) / strangers.len();
    assert!(each < 64 << 10, "{each} bytes for each connection");
    eprintln!("{each} bytes for each of {} connections", strangers.len());
}

#[test]
fn one_address_has_its_limit_of_connections_and_others_do_not_feel_it() {
    let server = Server::start("MAX_PER_ADDRESS = 64\n");
    let held: Vec<TcpStream> =
        (0..64).map(|_| connect_from([127, 0, 2, 1], server.address)).collect();
    server.logged(&["127.0.2.1 has 64 connections"]);
    let mut refused = connect_from([127, 0, 2, 1], server.address);
    Answer::read(&mut refused).assert_error(503, "Too many connections");
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    drop(held);
}

#[test]
fn an_upload_over_the_limit_is_refused() {
    let server = Server::start("MAX_UPLOAD = \"1 MiB\"\n");
    let request = Request::new().file("A.JPG", &vec![1; 2 << 20]).bytes();
    // Before its body is read when the length says so,
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    server.send(&request[..end]).assert_error(413, "Too large");
    // and while it is read otherwise.
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.JPG", "x");
    let head = format!("PUT /{resource} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
    let chunk = [head.as_bytes(), &vec![1; 2 << 20]].concat();
    server.send(&chunk).assert_error(413, "Too large");
    assert!(server.stored().is_empty());
    let small = put(&resource, "image/jpeg", &vec![1; 1 << 19]);
    assert_eq!(server.send(&small).body, SUCCESS);
}

#[test]
fn a_disk_that_is_nearly_full_refuses_before_the_body() {
    let server = Server::start("MIN_FREE_SPACE = \"4000000 GiB\"\n");
    let request = Request::new().bytes();
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    server.send(&request[..end]).assert_error(507, "Storage full");
    server.logged(&["MIN_FREE_SPACE", "make room"]);
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn text_without_end_is_refused() {
    let server = Server::start("");
    let mut stream = server.connect();
    let _ = stream.write_all(b"POST /facebook/auth HTTP/1.1\r\nContent-Length: 900000\r\n\r\n");
    let _ = stream.write_all(&vec![b'x'; 900_000]);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// Announces a photo; the head of its PUT before so many bytes.
fn put_head(server: &Server, length: usize) -> String {
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.JPG", "x");
    format!("PUT /{resource} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_head_that_does_not_end_in_time_is_refused() {
    let server = Server::start("HEAD_TIMEOUT = \"300 ms\"\n");
    let mut stream = server.connect();
    stream.write_all(b"POST /facebook/auth HTTP/1.1\r\nContent-Le").unwrap();
    Answer::read(&mut stream).assert_error(400, "Incomplete");
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
}

#[test]
fn a_body_that_falls_silent_is_refused_and_nothing_is_kept() {
    let server = Server::start("SILENCE_TIMEOUT = \"300 ms\"\n");
    let head = put_head(&server, 1000);
    server.send(format!("{head}beginning").as_bytes()).assert_error(400, "Incomplete");
    let request = Request::new().bytes();
    server.send(&request[..request.len() - 100]).assert_error(400, "Incomplete");
    assert_eq!(server.send(&request).body, SUCCESS);
    server.settle();
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_body_that_dribbles_is_refused() {
    let server = Server::start("MIN_RATE = \"4 GiB\"\nMIN_RATE_AFTER = \"300 ms\"\n");
    let head = put_head(&server, 100 << 20);
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let heard = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Byte by byte, until the server has had enough.
            while !heard.load(Ordering::Relaxed) {
                if sending.write_all(b"x").is_err() {
                    break;
                }
            }
        });
        let answer = Answer::read(&mut stream);
        heard.store(true, Ordering::Relaxed);
        answer.assert_error(408, "Too slow");
    });
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
}

/// Connections from two addresses that say little.
fn strangers(server: &Server, count: u8) -> Vec<TcpStream> {
    (0..count)
        .map(|n| {
            let mut stream = connect_from([127, 0, 4, 1 + n % 2], server.address);
            // One that is shown out already cannot be written to.
            let _ = stream.write_all(b"POST /facebook");
            stream
        })
        .collect()
}

#[test]
fn strangers_who_take_all_places_give_way_to_a_camera() {
    let server = Server::start("MAX_CONNECTIONS = 8\n");
    let held = strangers(&server, 8);
    server.logged(&["all 8 places are taken"]);
    for number in 0..4 {
        let request = Request::new().file(&format!("{number}.JPG"), &vec![number; 1 << 20]);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    }
    server.logged(&["127.0.4.", "gives way"]);
    drop(held);
}

#[test]
fn a_camera_keeps_its_place_while_strangers_come() {
    let server = Server::start("MAX_CONNECTIONS = 8\n");
    let request = Request::new().file("A.JPG", &vec![1; 1 << 20]).bytes();
    let (begin, rest) = request.split_at(request.len() / 2);
    let mut camera = server.connect();
    camera.write_all(begin).unwrap();
    let held = strangers(&server, 40);
    server.logged_times(&["127.0.4.", "gives way"], 33);
    camera.write_all(rest).unwrap();
    assert_eq!(Answer::read(&mut camera).body, SUCCESS);
    drop(held);
}
