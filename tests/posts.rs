//! Social posts of several files: cameras send them one by one, the host
//! collects what belongs together (`protocol.md` 7).

use crate::fixture::{J1, SUCCESS, Server, V1, guest, social};

/// Uploads to facebook do as their text tells.
fn server(settings: &str) -> Server {
    Server::start(&format!(
        "{settings}\n[ACTIONS]\nfacebook = \"told\"\npicasa = \"told\"\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    ))
}

/// Announces and sends one photo, as a camera does for each.
#[track_caller]
fn share(server: &Server, service: &str, session: &str, name: &str, text: &str, bytes: &[u8]) {
    let resource = server.announce(service, session, name, text);
    let answer = server.send(&social::put(&resource, "image/jpeg", bytes));
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS), "{answer:?}");
}

#[test]
fn a_post_is_delivered_once_when_its_last_file_has_come() {
    let server = server("");
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "files 2", J1);
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
    assert!(!server.log().contains("delivered: did"));
    share(&server, "facebook", &session, "B.JPG", "files 2", V1);
    server.logged(&["delivered", "did \"files 2\" with A.JPG B.JPG"]);
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
}

#[test]
fn the_same_text_after_a_complete_post_begins_another() {
    let server = server("");
    let session = server.log_in("facebook");
    for name in ["A.JPG", "B.JPG", "C.JPG", "D.JPG"] {
        share(&server, "facebook", &session, name, "files 2", name.as_bytes());
    }
    server.logged(&["delivered", "with A.JPG B.JPG"]);
    server.logged(&["delivered", "with C.JPG D.JPG"]);
}

#[test]
fn a_post_that_stays_incomplete_is_delivered_as_it_is() {
    let server = server("COLLECT_TIMEOUT = \"100 ms\"");
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "files 3", J1);
    server.logged(&["delivered", "did \"files 3\" with A.JPG"]);
}

#[test]
fn an_incomplete_post_survives_a_crash() {
    let config = "COLLECT_TIMEOUT = \"1 h\"";
    let server = server(config);
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "files 2", J1);
    let server = server.restart();
    share(&server, "facebook", &session, "B.JPG", "files 2", V1);
    server.logged(&["delivered", "did \"files 2\" with A.JPG B.JPG"]);
}

#[test]
fn a_new_text_closes_the_post_before_it() {
    let server = server("COLLECT_TIMEOUT = \"1 h\"");
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "first files 2", J1);
    share(&server, "facebook", &session, "B.JPG", "second", V1);
    server.logged(&["delivered", "did \"first files 2\" with A.JPG"]);
    server.logged(&["delivered", "did \"second\" with B.JPG"]);
}

#[test]
fn services_and_sessions_do_not_mix() {
    let server = server("COLLECT_TIMEOUT = \"1 h\"");
    let (one, two) = (server.log_in("facebook"), server.log_in("picasa"));
    share(&server, "facebook", &one, "A.JPG", "files 2", J1);
    share(&server, "picasa", &two, "B.JPG", "files 2", V1);
    share(&server, "facebook", &one, "C.JPG", "files 2", V1);
    share(&server, "picasa", &two, "D.JPG", "files 2", J1);
    server.logged(&["delivered", "with A.JPG C.JPG"]);
    server.logged(&["delivered", "with B.JPG D.JPG"]);
}

#[test]
fn a_file_that_comes_again_after_a_lost_answer_is_one_file() {
    let server = server("COLLECT_TIMEOUT = \"1 h\"");
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "files 2", J1);
    share(&server, "facebook", &session, "A.JPG", "files 2", J1);
    share(&server, "facebook", &session, "B.JPG", "files 2", V1);
    server.logged(&["delivered", "did \"files 2\" with A.JPG B.JPG"]);
}

#[test]
fn other_bytes_under_a_name_of_the_post_are_another_file() {
    let server = server("COLLECT_TIMEOUT = \"1 h\"");
    let session = server.log_in("facebook");
    share(&server, "facebook", &session, "A.JPG", "files 2", J1);
    share(&server, "facebook", &session, "A.JPG", "files 2", V1);
    server.logged(&["delivered", "did \"files 2\" with A.JPG A-2.JPG"]);
}

#[test]
fn two_files_of_a_post_may_come_at_once() {
    let server = server("COLLECT_TIMEOUT = \"1 h\"");
    let session = server.log_in("facebook");
    let resources = ["A.JPG", "B.JPG"]
        .map(|name| (name, server.announce("facebook", &session, name, "files 2")));
    std::thread::scope(|scope| {
        for (name, resource) in &resources {
            let server = &server;
            scope.spawn(move || {
                let answer = server.send(&social::put(resource, "image/jpeg", name.as_bytes()));
                assert_eq!(answer.body, SUCCESS);
            });
        }
    });
    let line = server.logged(&["delivered", "did \"files 2\" with"]);
    assert!(line.contains("A.JPG") && line.contains("B.JPG"), "{line}");
}

#[test]
fn posts_of_a_session_go_in_order_while_the_first_is_tried_again() {
    let server = server("RETRY_DELAYS = [\"0 s\", \"20 ms\"]");
    let session = server.log_in("facebook");
    for text in ["fail 4 first", "second", "third"] {
        share(&server, "facebook", &session, "A.JPG", text, text.as_bytes());
    }
    server.settle();
    server.assert_did(["first", "second", "third"]);
}

#[test]
fn a_parked_or_rejected_post_does_not_hold_up_its_session() {
    let server = server("RETRY_DELAYS = [\"0 s\", \"20 ms\"]");
    let session = server.log_in("facebook");
    for text in ["trap", "reject", "third"] {
        share(&server, "facebook", &session, "A.JPG", text, text.as_bytes());
    }
    server.logged(&["delivered: did \"third\""]);
    let states: Vec<_> = server.deliveries(&[]).iter().map(|d| d["state"].clone()).collect();
    assert_eq!(states, ["parked", "rejected"]);
}
