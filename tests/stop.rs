//! A stop that is asked for: what is under way may end, within bounds.

use std::io::Write;

use crate::fixture::{Answer, Request, SUCCESS, Server, guest};

fn server(settings: &str) -> Server {
    Server::start(&format!(
        "{settings}\n[ACTIONS]\n\"a@example.org\" = \"told\"\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    ))
}

/// Sends an upload whose delivery takes a minute, and waits until it is under
/// way.
#[track_caller]
fn deliver_slowly(server: &Server) {
    let request = Request::new().to(&["a@example.org"]).text("sleep 60000");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    while server.deliveries(&[])[0]["state"] != "delivering" {}
}

/// What was cut short is tried again after the next start.
#[track_caller]
fn assert_goes_on(folder: tempfile::TempDir) {
    let config = std::fs::read_to_string(folder.path().join("config.toml")).unwrap();
    let server = Server::start_in(folder, &config);
    while server.deliveries(&[])[0]["attempt"] != 2 {}
    assert_eq!(server.deliveries(&[])[0]["state"], "delivering");
}

#[test]
fn a_stop_does_not_wait_longer_than_its_timeout() {
    let server = server("STOP_TIMEOUT = \"50 ms\"");
    deliver_slowly(&server);
    server.terminate();
    server.logged(&["stopped; what was still under way after 50ms goes on at the next start"]);
    assert_goes_on(server.ended());
}

#[test]
fn a_second_signal_stops_at_once() {
    let server = server("STOP_TIMEOUT = \"1 h\"");
    deliver_slowly(&server);
    server.terminate();
    server.logged(&["stopping when what is under way has ended; a second signal stops at once"]);
    server.terminate();
    server.logged(&["stopped at once"]);
    assert_goes_on(server.ended());
}

#[test]
fn a_camera_that_is_sending_may_finish() {
    let server = server("");
    let request = Request::new().to(&["a@example.org"]).bytes();
    let mut stream = server.connect();
    let (begin, rest) = request.split_at(request.len() / 2);
    stream.write_all(begin).unwrap();
    // Another one, after which the first is known to have been accepted.
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).text("b").bytes()).body, SUCCESS);
    server.terminate();
    server.logged(&["stopping when"]);
    stream.write_all(rest).unwrap();
    assert_eq!(Answer::read(&mut stream).body, SUCCESS);
    let config = std::fs::read_to_string(server.folder().join("config.toml")).unwrap();
    let server = Server::start_in(server.ended(), &config);
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), 2);
}
