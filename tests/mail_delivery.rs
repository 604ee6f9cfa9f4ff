//! `email` over the whole queue: an attempt fails, the next one delivers, to
//! whom it is owed and to nobody twice.

use crate::fixture::{Fault, Faulty, PASSWORD, Request, SUCCESS, Server, USERNAME};

/// A mail server that can fail, and a server that tries again at once.
fn start(settings: &str) -> (Faulty, Server) {
    let peer = Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n\
         RETRY_DELAYS = [\"0 s\", \"20 ms\"]\nREPEAT_WINDOW = \"0 s\"\n{settings}",
        peer.port
    ));
    (peer, server)
}

fn account() -> String {
    format!("MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\n")
}

#[track_caller]
fn send(server: &Server, to: &[&str]) {
    assert_eq!(server.send(&Request::new().to(to).bytes()).body, SUCCESS);
}

/// The last delivery's state and the reason of its last failure.
fn last(server: &Server) -> (String, String) {
    let deliveries = server.deliveries(&["--all"]);
    let last = deliveries.iter().max_by_key(|delivery| delivery["number"].as_u64()).unwrap();
    let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

/// Every point at which the conversation can break, and words for it.
const STAGES: [(&str, &str); 7] = [
    ("connect", "421 4.3.2 come back"),
    ("ehlo", "421 4.3.2 shutting down"),
    ("auth", "454 4.7.0 temporary failure"),
    ("mail", "450 4.7.1 greylisted"),
    ("rcpt", "451 4.7.1 greylisted"),
    ("data", "452 4.3.1 disk full"),
    (".", "451 4.3.0 try again"),
];

/// Lets one attempt fail at each stage as `fault` says, and the next one
/// deliver; how many copies of the message were taken, by stage.
#[track_caller]
fn copies(settings: &str, fault: impl Fn(&'static str) -> Fault) -> Vec<(&'static str, usize)> {
    let (peer, server) = start(&format!("{settings}{}", account()));
    peer.offer(&["AUTH PLAIN"]);
    let taken = STAGES.iter().enumerate().map(|(count, &(stage, words))| {
        let before = peer.received().len();
        // Only a new connection gets to every stage.
        peer.end_connections();
        peer.fail_once(stage, fault(words));
        send(&server, &["alice@example.net"]);
        server.logged_times(&["action email failed", "next attempt"], count + 1);
        server.settle();
        let received = peer.received().split_off(before);
        assert!(received.iter().all(|message| *message == received[0]), "{stage}");
        (stage, received.len())
    });
    taken.collect()
}

#[test]
fn what_is_refused_for_now_at_any_stage_is_delivered_by_the_next_attempt() {
    let taken = copies("", Fault::Answer);
    // It was sent whole before the last of these words came.
    assert_eq!(taken, STAGES.map(|(stage, _)| (stage, if stage == "." { 2 } else { 1 })));
}

#[test]
fn a_connection_that_breaks_at_any_stage_costs_no_mail_and_doubles_none() {
    let taken = copies("", |_| Fault::Drop);
    // Whether the first copy counts, only the server knows.
    assert_eq!(taken, STAGES.map(|(stage, _)| (stage, if stage == "." { 2 } else { 1 })));
}

#[test]
fn a_silence_at_any_stage_ends_and_costs_no_mail() {
    let taken = copies("MAIL_TIMEOUT = \"300 ms\"\n", |_| Fault::Stall);
    assert!(taken.iter().all(|(_, copies)| *copies >= 1), "{taken:?}");
}

#[test]
fn a_repeat_after_a_lost_answer_is_the_same_message_byte_for_byte() {
    let (peer, server) = start("");
    peer.fail_once(".", Fault::Drop);
    send(&server, &["alice@example.net", "bob@example.net"]);
    server.settle();
    let [first, second] = &peer.mails()[..] else { panic!("two copies") };
    assert_eq!((&first.to, &first.bytes), (&second.to, &second.bytes));
    let text = String::from_utf8_lossy(&first.bytes);
    let ids: Vec<&str> = text.lines().filter(|line| line.starts_with("Message-ID: <")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    // Another upload of the same content is another message.
    send(&server, &["alice@example.net", "bob@example.net"]);
    server.settle();
    let third = peer.received().pop().unwrap();
    assert!(!String::from_utf8_lossy(&third).contains(ids[0]));
}

#[test]
fn what_fails_for_good_is_rejected_with_the_servers_words() {
    let (peer, server) = start("");
    for (stage, words) in [
        ("mail", "550 5.7.1 not you"),
        ("rcpt", "550 5.1.1 nobody"),
        ("data", "554 5.5.1 no valid recipients"),
        (".", "552 5.3.4 too big"),
    ] {
        peer.fail_once(stage, Fault::Answer(words));
        send(&server, &["alice@example.net"]);
        server.wait_until_none_is(&["queued", "delivering"]);
        let (state, reason) = last(&server);
        assert_eq!(state, "rejected", "{stage}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn what_fails_for_good_before_the_message_is_the_configurations_fault_and_waits() {
    let (peer, server) = start(&account());
    peer.offer(&["AUTH PLAIN"]);
    for (stage, words) in [
        ("connect", "554 5.7.1 not from here"),
        ("ehlo", "550 5.7.1 go away"),
        ("auth", "535 5.7.8 wrong password"),
    ] {
        peer.end_connections();
        peer.fail_once(stage, Fault::Answer(words));
        send(&server, &["alice@example.net"]);
        server.logged(&["action email failed", words, "next attempt"]);
        server.settle();
    }
    assert_eq!(peer.received().len(), 3);
}

#[test]
fn who_has_the_message_does_not_get_it_again() {
    let (peer, server) = start("");
    peer.fail_once("rcpt to:<bob", Fault::Answer("451 4.7.1 greylisted"));
    send(&server, &["alice@example.net", "bob@example.net", "carol@example.net"]);
    server.logged(&["action email failed", "451 4.7.1 greylisted", "bob@example.net"]);
    server.settle();
    let [first, second] = &peer.mails()[..] else { panic!("two transactions") };
    assert_eq!(first.to, ["alice@example.net", "carol@example.net"]);
    assert_eq!(second.to, ["bob@example.net"]);
    // To Bob it looks as if he had got it with the others.
    assert_eq!(first.bytes, second.bytes);
    let text = String::from_utf8_lossy(&second.bytes);
    assert!(text.contains("To: alice@example.net, bob@example.net, carol@example.net\r\n"));
}

#[test]
fn who_is_refused_for_good_is_reported_and_the_others_have_it_once() {
    let (peer, server) = start("");
    peer.fail("rcpt to:<bob", Fault::Answer("550 5.1.1 nobody"));
    send(&server, &["alice@example.net", "bob@example.net"]);
    server.wait_until_none_is(&["queued", "delivering"]);
    let (state, reason) = last(&server);
    assert_eq!(state, "rejected");
    for words in ["550 5.1.1 nobody", "bob@example.net", "mailed to alice@example.net"] {
        assert!(reason.contains(words), "no {words:?} in {reason}");
    }
    // Somebody creates Bob's mailbox and lets it be tried again.
    peer.work();
    server.queue(&["retry", "--all"]);
    server.settle();
    let to: Vec<Vec<String>> = peer.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [["alice@example.net"], ["bob@example.net"]]);
}

#[test]
fn a_server_that_takes_no_more_of_a_message_is_given_up_and_tried_again() {
    let (peer, server) = start("MAIL_TIMEOUT = \"1 s\"\n");
    peer.fail_once("body", Fault::Stall);
    let video = vec![7; 16 << 20];
    let request = Request::new().file("A.MP4", &video);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["action email failed", "it takes no more of the message"]);
    server.settle();
    assert_eq!(peer.received().len(), 1);
}

#[test]
fn nothing_is_said_in_clear_where_tls_is_wanted() {
    let (peer, server) = start(&format!("MAIL_USE_TLS = true\n{}", account()));
    peer.offer(&["AUTH PLAIN"]);
    send(&server, &["alice@example.net"]);
    server.logged(&["action email failed", "it offers no STARTTLS", "MAIL_USE_SSL"]);
    peer.offer(&["AUTH PLAIN", "STARTTLS"]);
    peer.fail("starttls", Fault::Answer("454 4.7.0 TLS not available"));
    server.logged(&["action email failed", "454 4.7.0 TLS not available"]);
    let said = peer.commands();
    let harmless = |line: &&String| {
        let line = line.to_lowercase();
        !["ehlo", "starttls", "quit"].iter().any(|known| line.starts_with(known))
    };
    assert_eq!(said.iter().find(harmless), None);
}

#[test]
fn a_password_that_the_server_repeats_is_not_passed_on() {
    let (peer, server) = start(&account());
    peer.offer(&["AUTH PLAIN"]);
    peer.fail(
        "auth",
        Fault::Answer("535 5.7.8 tr0ub4dor-and-3 (AGNhbWVyYQB0cjB1YjRkb3ItYW5kLTM=) is wrong"),
    );
    send(&server, &["alice@example.net"]);
    let line = server.logged(&["action email failed", "535 5.7.8 (secret) ((secret)) is wrong"]);
    assert!(line.contains("MAIL_USERNAME and MAIL_PASSWORD"), "{line}");
    let (_, reason) = last(&server);
    for text in [server.log(), reason] {
        assert!(!text.contains(PASSWORD) && !text.contains("AGNhbWVyYQB0"), "{text}");
    }
}

#[test]
fn an_address_outside_ascii_needs_a_server_that_takes_it() {
    let (peer, server) = start("");
    send(&server, &["jürgen@example.net"]);
    server.wait_until_none_is(&["queued", "delivering"]);
    let (state, reason) = last(&server);
    assert_eq!(state, "rejected");
    assert!(reason.contains("takes no addresses outside ASCII"), "{reason}");
    // A name of a domain is written in ASCII and needs nothing.
    send(&server, &["anna@exämple.net"]);
    server.logged(&["delivered", "mailed to anna@exämple.net"]);
    assert_eq!(peer.mails()[0].to, ["anna@xn--exmple-cua.net"]);
}

#[test]
fn a_social_upload_is_mailed_to_the_addresses_of_its_instance() {
    let (peer, server) = start(
        "[ACTIONS]\nfacebook = \"email.family\"\npicasa = \"email\"\n\
         [EMAIL]\nTO = \"me@example.net\"\n\
         [EMAIL.family]\nTO = [\"anna@example.net\", \"ben@example.net\"]\n",
    );
    for (service, count) in [("facebook", 1), ("picasa", 2), ("facebook", 3)] {
        server.share(service, &format!("SAM_000{count}.JPG"), "Hello", b"a photo");
        server.settle();
        assert_eq!(peer.mails().len(), count);
    }
    let to: Vec<Vec<String>> = peer.mails().into_iter().map(|mail| mail.to).collect();
    let family = ["anna@example.net".to_owned(), "ben@example.net".to_owned()].to_vec();
    assert_eq!(to, [family.clone(), vec!["me@example.net".to_owned()], family]);
}
