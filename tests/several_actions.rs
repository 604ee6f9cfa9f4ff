//! One upload for several actions, and one action for e-mails and the sharing
//! menu alike: each gets exactly its own.

use std::fs;

use serde_json::Value;

use crate::fixture::mastodon::Scripted;
use crate::fixture::{Faulty, J1, PHOTO, Request, SUCCESS, Server};

const TOKEN: &str = "t0ken-t0ken-t0ken";

#[test]
fn three_recipients_of_one_mail_get_each_their_own_and_the_rest_is_mailed() {
    let (posts, mail) = (Scripted::start(Vec::new()), Faulty::start(&[]));
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n[ACTIONS]\n\
         \"keep@example.org\" = \"store\"\n\"toot@example.org\" = \"mastodon.pub\"\n\
         \"run@example.org\" = \"shell.log\"\n\
         [MASTODON]\nBASE_URL = {:?}\nTOKEN = {TOKEN:?}\nVISIBILITY = \"private\"\n\
         POSTSCRIPT = \"#photo\"\n[MASTODON.pub]\nVISIBILITY = \"public\"\n\
         [SHELL]\nCMD = [\"/bin/sh\", \"-c\", \"cat > seen; echo $1 $2 >> runs\", \"-\", \
         \"{{recipient}}\", \"{{filename}}\"]\n[SHELL.log]\nSTDIN = \"{{subject}}: {{body}}\"\n",
        mail.port, posts.url
    ));
    let to = ["keep@example.org", "toot@example.org", "run@example.org", "alice@example.net"];
    let request = Request::new().to(&to).title("Boats").text("Hello~a red boat");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.settle();

    // Deliveries: one for each action, and no more.
    let mut actions: Vec<String> = server
        .deliveries(&["--all"])
        .iter()
        .map(|delivery| delivery["action"].as_str().unwrap().to_owned())
        .collect();
    actions.sort_unstable();
    assert_eq!(actions, ["email", "mastodon.pub", "shell.log", "store"]);

    let [post] = &posts.requests("POST /api/v1/statuses")[..] else { panic!("one post") };
    let post: Value = serde_json::from_slice(&post.body).unwrap();
    assert_eq!(
        (&post["status"], &post["visibility"]),
        (&"Hello\n\n#photo".into(), &"public".into())
    );
    assert_eq!(posts.requests("POST /api/v2/media").len(), 1);

    let runs = fs::read_to_string(server.folder().join("runs")).unwrap();
    let [run] = &runs.lines().collect::<Vec<_>>()[..] else { panic!("one run: {runs}") };
    let (recipient, path) = run.split_once(' ').unwrap();
    assert_eq!(recipient, "run@example.org");
    assert!(path.ends_with("/upload/log/SAM_0042.JPG"), "{path}");
    assert_eq!(fs::read(path).unwrap(), PHOTO);
    let seen = fs::read_to_string(server.folder().join("seen")).unwrap();
    assert_eq!(seen, "Boats: Hello~a red boat");

    let [mail] = &mail.mails()[..] else { panic!("one mail") };
    assert_eq!(mail.to, ["alice@example.net"]);
    // The copy of the action `store` lies in the sender's folder.
    let stored = server.stored();
    assert_eq!(stored.len(), 2);
    assert!(stored.values().all(|bytes| bytes == PHOTO));
}

#[test]
fn a_refusal_by_one_action_refuses_the_whole_upload() {
    let posts = Scripted::start(Vec::new());
    let server = Server::start(&format!(
        "[ACTIONS]\n\"keep@example.org\" = \"store\"\n\"toot@example.org\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {:?}\nTOKEN = {TOKEN:?}\n",
        posts.url
    ));
    let request = Request::new().to(&["keep@example.org", "toot@example.org"]);
    server.send(&request.text("no words for the picture").bytes()).assert_error(400, "No alt-text");
    assert!(server.stored().is_empty() && posts.seen().is_empty());
    assert!(server.deliveries(&["--all"]).is_empty());
}

#[test]
fn each_service_of_the_sharing_menu_goes_to_its_own_action() {
    let (posts, mail) = (Scripted::start(Vec::new()), Faulty::start(&[]));
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n[ACTIONS]\n\
         facebook = \"email\"\npicasa = \"shell\"\nyoutube = \"store.album\"\n\
         photobucket = \"ignore\"\n\
         [EMAIL]\nTO = \"me@example.net\"\n[STORE.album]\n\
         [SHELL]\nCMD = [\"/bin/sh\", \"-c\", \"cat > seen; cp \\\"$1\\\" copy\", \"-\", \"{{filename}}\"]\n\
         STDIN = \"{{sender}} {{recipient}}|{{body}}\"\n[MASTODON]\nBASE_URL = {:?}\nTOKEN = {TOKEN:?}\n",
        mail.port, posts.url
    ));
    server.share("facebook", "A.JPG", "by mail", PHOTO);
    server.settle();
    let [message] = &mail.mails()[..] else { panic!("one mail") };
    assert_eq!(message.to, ["me@example.net"]);
    assert!(String::from_utf8_lossy(&message.bytes).contains("filename=\"A.JPG\""));
    assert!(!server.folder().join("copy").exists());

    server.share("picasa", "B.JPG", "by command", J1);
    server.settle();
    assert_eq!(fs::read(server.folder().join("copy")).unwrap(), J1);
    let seen = fs::read_to_string(server.folder().join("seen")).unwrap();
    assert_eq!(seen, "Camera@samsungcamera.com |by command");

    server.share("youtube", "C.JPG", "", b"third");
    server.settle();
    assert_eq!(fs::read(server.folder().join("upload/album/C.JPG")).unwrap(), b"third");

    server.share("photobucket", "D.JPG", "", b"fourth");
    server.logged(&["delivered: ignored 1 files"]);
    server.settle();
    assert_eq!(server.stored().len(), 2);
    assert_eq!(mail.mails().len(), 1);
    assert!(posts.seen().is_empty());
}
