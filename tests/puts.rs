//! Files of the sharing menu that were not announced one by one, or come twice,
//! or in parts.

use std::io::Write;

use crate::fixture::social::put;
use crate::fixture::{Answer, J1, PHOTO, SUCCESS, Server};

#[test]
fn a_file_without_an_announcement_of_its_own_goes_where_the_last_one_went() {
    let component = crate::fixture::guest("echo");
    let server = Server::start(&format!(
        "[ACTIONS]\nfacebook = \"echo\"\npicasa = \"echo\"\n[PLUGINS.echo]\nCOMPONENT = {:?}\n",
        component.to_str().unwrap()
    ));
    let session = server.log_in("facebook");
    let photo = |number: u8| [PHOTO, &[number]].concat();
    let send = |name: &str, bytes: &[u8]| {
        let answer = server.send(&put(&format!("upload/{session}/{name}"), "image/jpeg", bytes));
        assert_eq!(answer.body, SUCCESS, "{answer:?}");
    };
    send("FIRST.JPG", &photo(1));
    server.announce("picasa", &session, "SECOND.JPG", "holiday");
    for (number, name) in [(2, "SECOND.JPG"), (3, "THIRD.JPG"), (4, "%EC%97%AC%EB%A6%84.JPG")] {
        send(name, &photo(number));
    }
    send("", &photo(5));
    server.settle();
    let seen: Vec<String> = server
        .deliveries(&["--all"])
        .iter()
        .map(|delivery| {
            let seen = delivery["receipt"].as_str().unwrap();
            let seen: serde_json::Value = serde_json::from_str(seen).unwrap();
            let name = seen["files"].as_array().unwrap().last().unwrap()["name"].clone();
            format!("{} {} {name}", seen["service"], seen["body"])
        })
        .collect();
    assert!(seen.iter().any(|seen| seen == "\"facebook\" \"\" \"FIRST.JPG\""), "{seen:?}");
    for name in ["SECOND.JPG", "THIRD.JPG", "여름.JPG", "photo.jpg"] {
        let expected = format!("\"picasa\" \"holiday\" \"{name}\"");
        assert!(seen.contains(&expected), "{expected} in {seen:?}");
    }
}

#[test]
fn four_files_at_once_after_one_announcement_are_four() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    server.announce("facebook", &session, "A.JPG", "x");
    std::thread::scope(|scope| {
        for number in 0..4_u8 {
            let (server, session) = (&server, &session);
            scope.spawn(move || {
                let resource = format!("upload/{session}/{number}.JPG");
                let request = put(&resource, "image/jpeg", &[PHOTO, &[number]].concat());
                assert_eq!(server.send(&request).body, SUCCESS);
            });
        }
    });
    assert_eq!(server.stored().len(), 4);
}

#[test]
fn the_same_file_twice_at_once_is_stored_once() {
    for round in 0..5_u8 {
        let server = Server::start("");
        let session = server.log_in("facebook");
        let resource = server.announce("facebook", &session, "A.JPG", "x");
        let request = put(&resource, "image/jpeg", &[PHOTO, &[round]].concat());
        let mut streams = [server.connect(), server.connect(), server.connect()];
        let (begin, end) = request.split_at(request.len() - 1);
        for stream in &mut streams {
            stream.write_all(begin).unwrap();
        }
        for stream in &mut streams {
            stream.write_all(end).unwrap();
        }
        for stream in &mut streams {
            assert_eq!(Answer::read(stream).body, SUCCESS);
        }
        server.only_stored();
    }
}

#[test]
fn a_part_of_a_file_is_refused_in_clear_words_and_a_whole_one_taken() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "A.JPG", "x");
    let with = |range: &str, bytes: &[u8]| {
        let request = String::from_utf8_lossy(&put(&resource, "image/jpeg", b"")).into_owned();
        let length = format!("Content-Length: {}\r\nContent-Range: {range}", bytes.len());
        let head = request.replace("Content-Length: 0", &length);
        server.send(&[head.as_bytes(), bytes].concat())
    };
    let half = J1.len() / 2;
    let all = J1.len();
    for (range, bytes) in [
        (format!("bytes {half}-{}/{all}", all - 1), &J1[half..]),
        (format!("bytes 0-{}/{all}", half - 1), &J1[..half]),
        (format!("bytes 0-{}/*", all - 1), &J1[..half]),
        (format!("bytes */{all}"), b""),
    ] {
        with(&range, bytes).assert_error(416, "whole file");
        server.logged(&["WARN", "Content-Range", "parts of files"]);
    }
    assert!(server.stored().is_empty());
    assert_eq!(with(&format!("bytes 0-{}/{all}", all - 1), J1).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);
}
