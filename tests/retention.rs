//! What is kept of deliveries, and for how long.

use std::fs;

use crate::fixture::{PHOTO, Request, SUCCESS, Server, guest};

fn config(settings: &str) -> String {
    format!(
        "{settings}\n[ACTIONS]\n\"a@example.org\" = \"told\"\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    )
}

#[track_caller]
fn send(server: &Server, text: &str) {
    let request = Request::new().to(&["a@example.org"]).text(text);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
}

fn notes(server: &Server) -> usize {
    fs::read_dir(server.folder().join("spool/notes")).unwrap().count()
}

#[test]
fn files_and_receipts_are_kept_as_long_as_the_operator_wants() {
    let server = Server::start(&config("KEEP_DELIVERED = { FILES = \"1 h\" }"));
    send(&server, "a photo");
    server.settle();
    assert_eq!(server.deliveries(&["--all"])[0]["has_files"], true);
    let out = server.folder().join("out");
    server.queue(&["export", "1", out.to_str().unwrap()]);
    assert!(fs::read(out.join("SAM_0042.JPG")).unwrap() == PHOTO);

    // Kept for no longer: removed at the next look, which a start begins with.
    let folder = server.kill();
    let server = Server::start_in(folder, &config("KEEP_DELIVERED = { FILES = \"0 s\" }"));
    let uploads = server.folder().join("spool/uploads");
    while fs::read_dir(&uploads).unwrap().count() > 0 {}
    let receipt = &server.deliveries(&["--all"])[0];
    assert_eq!((&receipt["state"], &receipt["has_files"]), (&"delivered".into(), &false.into()));

    let folder = server.kill();
    let server = Server::start_in(folder, &config("KEEP_DELIVERED = { RECEIPTS = \"0 s\" }"));
    while !server.deliveries(&["--all"]).is_empty() {}
}

#[test]
fn what_is_not_delivered_is_kept_whatever_the_retention() {
    let keep = "KEEP_DELIVERED = { FILES = \"0 s\", RECEIPTS = \"0 s\" }";
    let server = Server::start(&config(keep));
    send(&server, "reject");
    server.logged(&["rejected an upload"]);
    let server = Server::start_in(server.kill(), &config(keep));
    send(&server, "another");
    server.logged(&["delivered: did \"another\""]);
    let [rejected] = &server.deliveries(&[])[..] else { panic!("{}", server.queue(&["list"])) };
    assert_eq!((&rejected["state"], &rejected["has_files"]), (&"rejected".into(), &true.into()));
}

#[test]
fn notes_outlive_attempts_and_crashes_and_are_dropped_at_the_end() {
    let slow = "RETRY_DELAYS = [\"0 s\", \"1 h\"]";
    let server = Server::start(&config(slow));
    send(&server, "fail 1 note");
    server.logged(&["told to fail attempt 1"]);
    assert_eq!(notes(&server), 1);
    let server = Server::start_in(server.kill(), &config(slow));
    server.queue(&["retry", "1"]);
    server.logged(&["delivered", "remembering attempt 1"]);
    while notes(&server) > 0 {}

    send(&server, "fail 1 note again");
    server.logged_times(&["told to fail attempt 1"], 1);
    while notes(&server) == 0 {}
    server.wait_until_none_is(&["delivering"]);
    server.queue(&["drop", "2"]);
    assert_eq!(notes(&server), 0);
}
