//! Many at once: of one address, of several, who guess passwords, who stall in
//! the middle. An honest camera is served all the same.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fixture::social::{KEY, PASSWORD, USER, login, post};
use crate::fixture::{Answer, J1, Request, SUCCESS, Server, connect_from};

#[test]
fn a_hundred_uploads_of_one_address_all_succeed() {
    let server = Server::start("");
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..100_u8 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut photo = vec![number; 64 << 10];
                photo[..J1.len()].copy_from_slice(J1);
                let request = Request::new().file(&format!("{number}.JPG"), &photo).bytes();
                let mut stream = connect_from([127, 0, 8, 1], server.address);
                for piece in request.chunks(8 << 10) {
                    stream.write_all(piece).unwrap();
                }
                let answer = Answer::read(&mut stream);
                assert_eq!(answer.body, SUCCESS, "{answer:?}");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(done.into_inner(), 100);
    assert_eq!(server.stored().len(), 100);
}

#[test]
fn one_connection_too_many_is_answered_when_it_has_sent_all_and_not_reset() {
    let server = Server::start("MAX_PER_ADDRESS = 1\n");
    let held = connect_from([127, 0, 8, 2], server.address);
    server.logged(&["127.0.8.2 has 1 connections"]);
    let request = Request::new().file("A.JPG", &vec![1; 4 << 20]).bytes();
    for _ in 0..3 {
        let mut stream = connect_from([127, 0, 8, 2], server.address);
        stream.write_all(&request).unwrap();
        let answer = Answer::read(&mut stream);
        answer.assert_error(503, "Too many connections");
        assert!(!answer.reset);
    }
    drop(held);
}

#[test]
fn a_connection_that_was_answered_does_not_count() {
    let server = Server::start("MAX_PER_ADDRESS = 1\n");
    let request = Request::new().bytes();
    let mut lingering = Vec::new();
    for number in 0..3 {
        let mut stream = connect_from([127, 0, 8, 3], server.address);
        stream.write_all(&request).unwrap();
        // The server has ended its side then; ours stays open.
        assert_eq!(Answer::read(&mut stream).status, 200, "{number}");
        lingering.push(stream);
    }
}

#[test]
fn an_honest_login_does_not_wait_for_those_who_guess() {
    let hash = afterimage::password::hash("secret").unwrap();
    let server = Server::start(&format!("[SENDERS]\n\"Camera@samsungcamera.com\" = \"{hash}\"\n"));
    // protocol.md 4.4, V04: another password
    let wrong = post("/facebook/auth", &login(USER, "cynGH59mkQP5N7gldadLuQ%3D%3D", Some(KEY)));
    let right = post("/facebook/auth", &login(USER, PASSWORD, Some(KEY)));
    let stop = AtomicBool::new(false);
    let guesses = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for guesser in 1..=7_u8 {
            let (server, wrong, stop, guesses) = (&server, &wrong, &stop, &guesses);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = connect_from([127, 0, 7, guesser], server.address);
                    if stream.write_all(wrong).is_ok() {
                        let answer = Answer::read(&mut stream);
                        assert!(answer.status == 401 || answer.status == 0, "{answer:?}");
                        guesses.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        server.logged_times(&["has sent 10 wrong passwords"], 7);
        for _ in 0..5 {
            let begun = Instant::now();
            assert_eq!(server.send(&right).status, 200);
            // A second on a machine of its own; here others work, too.
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(guesses.into_inner() > 70);
    // Of those who have failed often not even the right one is looked at.
    let mut stream = connect_from([127, 0, 7, 1], server.address);
    stream.write_all(&right).unwrap();
    Answer::read(&mut stream).assert_error(401, "Too many logins, wait");
}

#[test]
fn few_open_files_and_many_strangers_keep_no_camera_from_uploading() {
    let mut command = Command::new("sh");
    command.arg0("sh").args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_afterimage")).stdin(Stdio::null());
    let server = Server::start_with(command, TempDir::new().unwrap(), "");
    server.logged(&["80 of 512 fit the limit of 256 open files"]);
    let upload = Request::new().file("A.JPG", &vec![1; 4 << 20]).bytes();
    let strangers: Vec<TcpStream> = (0..300_usize)
        .map(|number| {
            let address = [127, 0, 6, u8::try_from(number % 8).unwrap()];
            let mut stream = connect_from(address, server.address);
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            // One that had to give way cannot be written to.
            let _ = stream.write_all(&upload[..100 << 10]);
            stream
        })
        .collect();
    for number in 0..3 {
        let request = Request::new().file(&format!("{number}.JPG"), &vec![number; 1 << 20]);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    }
    drop(strangers);
}
