//! What happens between the camera's OK and the delivery, and `afterimage
//! queue`.

use std::fs;

use tempfile::TempDir;

use crate::fixture::{PHOTO, Request, SUCCESS, Server, afterimage, guest};

/// A server whose uploads do as they are told, tried again at once.
fn config(settings: &str) -> String {
    format!(
        "RETRY_DELAYS = [\"0 s\", \"20 ms\"]\nREPEAT_WINDOW = \"1 h\"\n{settings}\n\
         [ACTIONS]\n\"a@example.org\" = \"told\"\n\"s@example.org\" = \"store\"\n\
         [PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    )
}

#[track_caller]
fn send(server: &Server, text: &str) {
    let request = Request::new().to(&["a@example.org"]).text(text);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
}

#[test]
fn an_upload_whose_action_fails_survives_a_crash_and_is_delivered_when_it_works() {
    let slow = config("").replace("\"20 ms\"", "\"1 h\"");
    let server = Server::start(&format!("{slow}[TOLD]\nFAIL = true\n"));
    send(&server, "a photo");
    server.logged(&["action told failed", "told to fail attempt 1"]);
    let list = server.queue(&["list"]);
    let line = list.lines().nth(1).unwrap();
    for words in ["queued", "told", "Camera@samsungcamera.com", "told to fail attempt 1", "in "] {
        assert!(line.contains(words), "no {words:?} in {list}");
    }
    let folder = server.kill();

    let server = Server::start_in(folder, &slow);
    assert_eq!(server.deliveries(&[])[0]["state"], "queued");
    assert_eq!(server.queue(&["retry", "1"]).trim(), "1 is tried again");
    server.logged(&["delivered", "did \"a photo\" with SAM_0042.JPG"]);
    server.settle();
    assert_eq!(server.queue(&["list"]).trim(), "nothing is waiting");
    let receipt = server.queue(&["show", "1"]);
    for words in ["delivered", "did \"a photo\"", "SAM_0042.JPG", "files were removed"] {
        assert!(receipt.contains(words), "no {words:?} in {receipt}");
    }
    assert!(server.stop().is_empty());
}

#[test]
fn a_delivery_is_tried_again_with_the_same_id_until_it_succeeds() {
    let server = Server::start(&config(""));
    send(&server, "fail 3");
    server.logged(&["delivered", "did \"fail 3\""]);
    let entry = &server.deliveries(&["--all"])[0];
    assert_eq!((&entry["state"], &entry["attempt"]), (&"delivered".into(), &4.into()));
}

#[test]
fn order_is_kept_while_the_first_is_tried_again() {
    let server = Server::start(&config(""));
    for text in ["fail 2 first", "second", "third"] {
        send(&server, text);
    }
    server.logged(&["delivered: did", "third"]);
    server.assert_did(["first", "second", "third"]);
}

#[test]
fn three_traps_in_a_row_park_a_delivery_and_the_next_one_goes() {
    let server = Server::start(&config(""));
    send(&server, "trap");
    send(&server, "a good one");
    server.logged(&["parked", "told to trap"]);
    server.wait_until_none_is(&["queued", "delivering"]);
    let [parked] = &server.deliveries(&[])[..] else { panic!("{}", server.queue(&["list"])) };
    assert_eq!((&parked["state"], &parked["attempt"]), (&"parked".into(), &3.into()));
    assert_eq!(server.stop().len(), 1);
}

#[test]
fn five_failures_in_a_row_pause_an_action_with_one_line_and_success_lifts_it() {
    let server = Server::start(&config(""));
    send(&server, "fail 7");
    server.logged(&["action told is paused after 5 failures in a row"]);
    server.logged(&["action told works again"]);
    server.settle();
    assert_eq!(server.log().matches("is paused after").count(), 1);
}

#[test]
fn a_paused_action_is_visible_and_an_operators_retry_ends_the_pause() {
    let senders = ["1@example.org", "2@example.org", "3@example.org", "4@example.org", "5@x.org"];
    let config = config(&format!("SENDERS = {senders:?}")).replace("\"20 ms\"", "\"1 h\"");
    let server = Server::start(&format!("{config}[TOLD]\nFAIL = true\n"));
    for sender in senders {
        let request = Request::new().to(&["a@example.org"]).from(sender);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    }
    server.logged(&["action told is paused after 5 failures in a row"]);
    let server = Server::start_in(server.kill(), &config);
    let list = server.queue(&["list"]);
    assert!(list.contains("action told is PAUSED since"), "{list}");
    assert_eq!(server.deliveries(&[])[0]["paused"], true);
    server.queue(&["retry", "--all"]);
    server.settle();
    assert!(!server.queue(&["list"]).contains("PAUSED"));
}

#[test]
fn an_advice_of_the_action_sets_the_next_attempt() {
    let server = Server::start(&config(""));
    send(&server, "fail 1 after 3000");
    server.logged(&["told to fail attempt 1", "next attempt in 3"]);
}

#[test]
fn a_rejection_after_the_ok_is_kept_for_the_operator_who_exports_and_drops_it() {
    let server = Server::start(&config(""));
    send(&server, "reject");
    server.logged(&["rejected an upload", "told to reject", "afterimage queue show 1"]);
    let shown = server.queue(&["show", "1"]);
    assert!(shown.contains("rejected") && shown.contains("told to reject"), "{shown}");

    let out = server.folder().join("out");
    server.queue(&["export", "1", out.to_str().unwrap()]);
    assert!(fs::read(out.join("SAM_0042.JPG")).unwrap() == PHOTO);
    let again = afterimage(server.folder(), &["queue", "export", "1", out.to_str().unwrap()]);
    assert!(!again.status.success(), "a copy is never replaced");

    assert_eq!(server.queue(&["drop", "1"]).trim(), "1 is given up, with its files");
    let gone = afterimage(server.folder(), &["queue", "show", "1"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no delivery 1"));
    assert!(server.stop().is_empty());
}

#[test]
fn the_same_upload_after_a_lost_answer_is_one_delivery() {
    let server = Server::start(&config(""));
    send(&server, "sleep 300 twice");
    send(&server, "sleep 300 twice");
    server.logged(&["the same upload came again"]);
    send(&server, "another text");
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), 2);
}

#[test]
fn a_second_server_on_the_same_spool_is_refused() {
    let server = Server::start("");
    let second = afterimage(server.folder(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(78));
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(error.contains("another server uses this folder; stop it or set"), "{error}");
    assert!(!error.contains("writable"), "{error}");
}

#[test]
fn the_queue_of_a_folder_without_one_says_so() {
    let folder = TempDir::new().unwrap();
    let output = afterimage(folder.path(), &["queue", "list"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("has no queue"));
}

#[test]
fn an_upload_whose_action_was_removed_from_the_configuration_waits_for_it() {
    let slow = config("").replace("\"20 ms\"", "\"1 h\"");
    let server = Server::start(&format!("{slow}[TOLD]\nFAIL = true\n"));
    send(&server, "a photo");
    server.logged(&["action told failed"]);
    let server = Server::start_in(server.kill(), "");
    server.logged(&["uploads wait for the action told", "config.toml has no more"]);
    assert_eq!(server.deliveries(&[])[0]["state"], "parked");
    let server = Server::start_in(server.kill(), &slow);
    server.queue(&["retry", "1"]);
    server.settle();
}

#[test]
fn a_stop_waits_for_a_delivery_that_is_under_way() {
    let server = Server::start(&config(""));
    send(&server, "sleep 1000");
    while server.deliveries(&[])[0]["state"] != "delivering" {}
    assert!(server.stop().is_empty());
}

#[test]
fn the_first_attempt_waits_as_the_schedule_says() {
    let server = Server::start(&config("").replace("\"0 s\"", "\"1 h\""));
    send(&server, "a photo");
    let delivery = &server.deliveries(&[])[0];
    assert_eq!((&delivery["state"], &delivery["attempt"]), (&"queued".into(), &0.into()));
    let list = server.queue(&["list"]);
    assert!(list.contains("in 59m") || list.contains("in 1h"), "{list}");
}

#[test]
fn a_retry_says_what_it_has_to_wait_for() {
    let slow = config("").replace("\"20 ms\"", "\"1 h\"");
    let server = Server::start(&format!("{slow}[TOLD]\nFAIL = true\n"));
    send(&server, "first");
    server.logged(&["told to fail attempt 1"]);
    send(&server, "second");
    let words = "2 is tried again after 1 that came before it; --all tries those now, too";
    assert_eq!(server.queue(&["retry", "2"]).trim(), words);
    assert_eq!(server.deliveries(&[])[1]["attempt"], 0);
    let server = Server::start_in(server.kill(), &slow);
    server.queue(&["retry", "--all"]);
    server.settle();
}
