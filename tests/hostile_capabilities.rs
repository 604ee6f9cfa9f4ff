//! Guests that want more of mail, store and process than they are granted: what
//! the operator reads, what the guest hears, and that nothing happens outside.

use std::fs;

use tempfile::TempDir;

use crate::fixture::{
    Faulty, PHOTO, Request, SUCCESS, Server, afterimage, assert_dies, assert_expected,
    assert_reported, files_below, guest, hostile,
};

fn request() -> Request {
    Request::new().to(&["hostile@example.org"])
}

/// A server with this guest and a mail server.
fn with_mail(name: &str, allow: &str) -> (Faulty, Server) {
    let peer = Faulty::start(&[]);
    let config = format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n{}",
        peer.port,
        hostile(name, allow, "")
    );
    let server = Server::start(&config);
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    (peer, server)
}

#[test]
fn a_stranger_gets_no_mail() {
    let (peer, server) = with_mail("mail-to-stranger", "MAIL = []");
    server.logged(&[
        "mail refused; to allow it, add to [PLUGINS.hostile]: ALLOW = { MAIL = [\"stranger@example.org\"] }",
    ]);
    let denied = r#"Err(MailError::Denied("mail is not granted"))"#;
    server.logged(&[&format!("delivered: openly {denied}, copied {denied}")]);
    assert_reported(&server, "mail-to-stranger");
    assert!(peer.commands().is_empty());

    let (peer, server) = with_mail("mail-to-stranger", "MAIL = [\"Stranger@example.org\"]");
    server.logged(&["delivered: openly Ok(", "copied Ok("]);
    let to: Vec<Vec<String>> = peer.mails().into_iter().map(|mail| mail.to).collect();
    let both = vec!["hostile@example.org".to_owned(), "stranger@example.org".to_owned()];
    assert_eq!(to, [vec!["stranger@example.org".to_owned()], both]);
}

#[test]
fn no_text_of_a_guest_becomes_a_header() {
    let (peer, server) = with_mail("mail-header-injection", "MAIL = []");
    let line = server.logged(&["delivered: subject invalid"]);
    for words in [
        "subject invalid: the subject has a control character",
        "reply-to invalid: an address has a control character",
        "name invalid: a file name has a control character",
        "type invalid: a media type has a control character",
    ] {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
    assert_reported(&server, "mail-header-injection");
    assert!(peer.commands().is_empty());
}

#[test]
fn a_flood_of_mail_ends() {
    let (peer, server) = with_mail("mail-flood", "MAIL = []");
    server.logged(&["delivered: 20 messages, then", "more than 20 messages in one delivery"]);
    assert_eq!(peer.mails().len(), 20);
    assert_reported(&server, "mail-flood");
}

#[test]
fn no_name_leads_out_of_a_granted_folder() {
    let server = Server::start(&hostile("store-escape", "STORE = \"prints\"", ""));
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.logged(&[
        "delivered: escaped [], inside Ok(\"prints/inside.jpg\"), other file Err(StoreError::NoSuchFile)",
    ]);
    let stored: Vec<_> = server.stored().into_iter().collect();
    assert_eq!(stored, [("prints/inside.jpg".into(), PHOTO.to_vec())]);
    assert_reported(&server, "store-escape");
    let outside: Vec<_> = files_below(server.folder()).into_keys().collect();
    assert!(!outside.iter().any(|path| path.to_string_lossy().contains("escape")), "{outside:?}");
    assert!(!fs::exists("/tmp/afterimage-escape.jpg").unwrap());
}

#[test]
fn nothing_that_is_kept_is_overwritten() {
    let server = Server::start(&hostile("store-overwrite", "STORE = \"prints\"", ""));
    let prints = server.folder().join("upload/prints");
    fs::create_dir_all(&prints).unwrap();
    fs::write(prints.join("A.JPG"), "of somebody else").unwrap();
    let request = request().and_file("B.JPG", b"second").and_file("C.JPG", b"second");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&[
        "delivered: Ok(\"prints/A-2.JPG\"); Ok(\"prints/A-3.JPG\"); Ok(\"prints/A-3.JPG\")",
    ]);
    let stored = server.stored();
    let of = |name: &str| stored[&std::path::Path::new("prints").join(name)].clone();
    assert_eq!(of("A.JPG"), b"of somebody else");
    assert_reported(&server, "store-overwrite");
    assert_eq!((of("A-2.JPG"), of("A-3.JPG")), (PHOTO.to_vec(), b"second".to_vec()));
}

#[test]
fn what_is_asked_for_and_not_granted_is_refused_at_start_with_the_line_to_add() {
    for name in ["mail-flood", "store-overwrite", "process-flood"] {
        let folder = TempDir::new().unwrap();
        let config = format!(
            "[ACTIONS]\nfacebook = \"hostile\"\n[PLUGINS.hostile]\nCOMPONENT = {:?}\n",
            guest(name)
        );
        fs::write(folder.path().join("config.toml"), config).unwrap();
        let arguments = ["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"];
        let output = afterimage(folder.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{error}");
        assert_expected(&format!("not-granted-{name}"), &error);
    }
}

#[test]
fn a_command_gets_no_option_and_nothing_about_somebody_else_from_a_guest() {
    let settings =
        "CMD = [\"/bin/sh\", \"-c\", \"echo \\\"$0\\\" >> runs; echo \\\"$0\\\"\", \"{title}\"]";
    let server = Server::start(&hostile("process-values", "PROCESS = true", settings));
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    let line = server.logged(&["delivered: option"]);
    for words in [
        "option invalid: \"--exec\" would be taken for an option",
        "nul invalid: title has a NUL",
        "long invalid: an argument of 200000 bytes",
        "sender invalid: {sender} is the host's to fill",
        "recipient invalid: \"stranger@example.org\" is no recipient",
        "shell ran: $(touch owned); `touch owned`",
    ] {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
    assert_reported(&server, "process-values");
    let runs = fs::read_to_string(server.folder().join("runs")).unwrap();
    assert_eq!(runs, "$(touch owned); `touch owned`\n");
    assert!(!server.folder().join("owned").exists());
}

#[test]
fn a_flood_of_commands_ends() {
    let config = hostile("process-flood", "PROCESS = true", "CMD = \"/bin/true\"");
    let server = Server::start(&config);
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.settle();
    server.logged(&["delivered: 2000 commands, then", "more than 2000 commands in one delivery"]);
    assert_reported(&server, "process-flood");
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    // A fork bomb that stops at 64, half of it in the background of nobody.
    let script = "for i in $(seq 32); do sleep 1000 & echo $! >> children; \
                  (sleep 1000 & echo $! >> children); done";
    let server = Server::start(&format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"shell\"\n\
         [SHELL]\nCMD = [\"/bin/sh\", \"-c\", {script:?}]\n"
    ));
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.settle();
    let children = fs::read_to_string(server.folder().join("children")).unwrap();
    assert_eq!(children.lines().count(), 64);
    for child in children.lines() {
        assert_dies(child);
    }
}

#[test]
fn nothing_is_done_while_the_camera_waits() {
    let peer = Faulty::start(&[]);
    let allow = "MAIL = [], STORE = \"prints\", PROCESS = true, \
                 HTTP = [\"http://127.0.0.1:1\"], PRIVATE_NETWORKS = true";
    let config = hostile("effects-in-check", allow, "CMD = \"/bin/touch ran\"");
    let server =
        Server::start(&format!("MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n{config}", peer.port));
    server.send(&request().bytes()).assert_error(400, "too early");
    let line = server.logged(&["guest", "nothing can be sent in check"]);
    for words in
        ["nothing can be kept in check", "nothing can be run in check", "HttpRequestDenied"]
    {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
    assert!(peer.commands().is_empty());
    assert!(!server.folder().join("ran").exists());
    assert!(files_below(&server.folder().join("upload")).is_empty());
}
