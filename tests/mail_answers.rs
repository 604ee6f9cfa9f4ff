//! `email` with servers whose answers are odd: what was not a yes to this very
//! message is none, and the photo waits.

use crate::fixture::{Fault, Faulty, PASSWORD, PHOTO, Request, SUCCESS, Server, USERNAME};

/// A mail server, and a server that tries again after an hour.
fn start(settings: &str) -> (Faulty, Server) {
    let peer = Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\nMAIL_TIMEOUT = \"2 s\"\n\
         RETRY_DELAYS = [\"0 s\", \"1 h\"]\nREPEAT_WINDOW = \"0 s\"\n{settings}",
        peer.port
    ));
    (peer, server)
}

/// Sends a photo into each of these answers at `stage`: it waits, and the log
/// has the words.
#[track_caller]
fn assert_waits(settings: &str, stage: &'static str, answers: &[(Fault, &str)]) {
    for (fault, words) in answers {
        let (peer, server) = start(settings);
        peer.offer(&["AUTH PLAIN"]);
        peer.fail(stage, *fault);
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
        let line = server.logged(&["action email failed", words, "next attempt"]);
        assert!(!line.contains("rejected"), "{line}");
        assert_eq!(server.deliveries(&["--all"])[0]["state"], "queued", "{fault:?}");
        assert!(!server.log().contains("mailed to"), "{fault:?}");
    }
}

#[test]
fn only_250_after_the_message_is_delivered() {
    let strange: Vec<(Fault, &str)> = [
        ("354 go on", "answered 354 go on to the message"),
        ("252 cannot verify", "answered 252"),
        ("251 will forward", "answered 251"),
        ("200 ok", "answered 200"),
        ("220 welcome", "answered 220"),
        ("221 bye", "answered 221"),
        ("235 logged in", "answered 235"),
        ("334 go on", "answered 334"),
        ("150 just a moment", "does not speak SMTP"),
        ("650 what", "does not speak SMTP"),
        ("2500 ok", "does not speak SMTP"),
        ("25 ok", "does not speak SMTP"),
        ("ok", "does not speak SMTP"),
        ("HTTP/1.1 250 OK", "does not speak SMTP"),
        (" 250 ok", "does not speak SMTP"),
    ]
    .map(|(answer, words)| (Fault::Answer(answer), words))
    .to_vec();
    assert_waits("", ".", &strange);
}

#[test]
fn an_answer_that_says_two_things_is_none() {
    assert_waits(
        "",
        ".",
        &[
            (Fault::Bytes(b"250-taken\r\n550 not taken\r\n", 0), "two codes"),
            (Fault::Bytes(b"250-taken\r\n251 and sent on\r\n", 0), "two codes"),
            (Fault::Bytes(b"250 taken\r\n550 not taken\r\n", 0), "two answers to the message"),
            (Fault::Bytes(b"250 taken\r\n250 taken\r\n", 0), "two answers to the message"),
        ],
    );
}

#[test]
fn every_step_takes_its_own_codes_and_no_other() {
    for (stage, answer, words) in [
        ("connect", "250 hello", "answered 250 hello to the connection"),
        ("ehlo", "220 hello", "answered 220 hello to EHLO"),
        ("auth", "250 welcome", "answered 250 welcome to the login"),
        ("auth", "334 VXNlcm5hbWU6", "its login asks and asks"),
        ("mail", "354 go on", "answered 354 go on to the sender"),
        ("mail", "251 yes", "answered 251 yes to the sender"),
        ("rcpt", "354 go on", "answered 354 go on to alice@example.net"),
        ("rcpt", "220 hello", "answered 220 hello to alice@example.net"),
        ("data", "250 taken", "answered 250 taken to DATA"),
    ] {
        // Without the words of a login, `auth` is all that is said of one.
        let fault = match stage {
            "auth" if answer.starts_with("334") => {
                Fault::Bytes(b"334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n334 more\r\n", 0)
            }
            _ => Fault::Answer(answer),
        };
        let words = match fault {
            Fault::Bytes(..) => "without being asked",
            _ => words,
        };
        let account = format!("MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\n");
        assert_waits(&account, stage, &[(fault, words)]);
    }
}

#[test]
fn answers_that_came_before_their_commands_are_somebody_elses() {
    for (stage, bytes) in [
        (
            "connect",
            &b"220 hello\r\n250 yes\r\n250 yes\r\n250 yes\r\n354 go on\r\n250 taken\r\n"[..],
        ),
        ("ehlo", b"250 hello\r\n250 yes\r\n250 yes\r\n354 go on\r\n250 taken\r\n"),
        ("mail", b"250 yes\r\n250 yes\r\n354 go on\r\n250 taken\r\n"),
        ("rcpt", b"250 yes\r\n354 go on\r\n250 taken\r\n"),
    ] {
        assert_waits("", stage, &[(Fault::Bytes(bytes, 0), "without being asked")]);
    }
    let before_the_end = &[(Fault::Bytes(b"354 go on\r\n250 taken\r\n", 0), "before the end")];
    assert_waits("", "data", before_the_end);
}

#[test]
fn an_answer_without_an_end_costs_neither_memory_nor_the_photo() {
    let endless = [
        (Fault::Endless(b"250-and so on\r\n"), "no end"),
        (Fault::Endless(b"2222222222222222"), "no end"),
    ];
    assert_waits("", ".", &endless);
    assert_waits("", "connect", &endless);
}

#[test]
fn an_answer_counts_by_its_code_in_whatever_script_its_text_is() {
    let (peer, server) = start("");
    // GBK, Latin-1, Shift-JIS and bytes that no script has.
    for (count, bytes) in [
        &b"250 \xd3\xca\xbc\xfe\xd2\xd1\xbd\xd3\xca\xd5\r\n"[..],
        b"250 pris en charge, \xe0 bient\xf4t\r\n",
        b"250-\x83\x81\x81[\x83\x8b\r\n250 \x8e\xf3\x97\x9d\r\n",
        b"250 \xff\xfe\x80\r\n",
        b"250\r\n",
        b"250 taken\n",
    ]
    .into_iter()
    .enumerate()
    {
        for stage in ["connect", "ehlo", "mail", "rcpt", "."] {
            let greeting = b"220 \xbb\xb6\xd3\xad\r\n";
            let bytes = if stage == "connect" { &greeting[..] } else { bytes };
            peer.end_connections();
            peer.fail_once(stage, Fault::Bytes(bytes, 0));
            assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
            server.settle();
        }
        assert_eq!(peer.received().len(), 5 * (count + 1));
    }
    peer.fail("rcpt", Fault::Bytes(b"550 5.1.1 Empf\xe4nger unbekannt\r\n", 0));
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.logged(&["rejected", "550 5.1.1 Empfänger unbekannt"]);
}

#[test]
fn answers_in_pieces_are_answers() {
    let (peer, server) = start("");
    for (stage, bytes) in [
        ("connect", &b"220-a\r\n220-b\r\n220 c\r\n"[..]),
        ("ehlo", b"250-mx\r\n250-8BITMIME\r\n250 SIZE\r\n"),
        ("mail", b"250 yes\r\n"),
        ("rcpt", b"250-yes\r\n250 yes\r\n"),
        (".", b"250-taken\r\n250 taken\r\n"),
    ] {
        peer.end_connections();
        peer.fail_once(stage, Fault::Bytes(bytes, 1));
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
        server.settle();
    }
    assert_eq!(peer.received().len(), 5);
}

#[test]
fn a_farewell_behind_the_yes_does_not_take_it_back() {
    let (peer, server) = start("");
    peer.fail_once(".", Fault::Bytes(b"250 taken\r\n421 4.3.2 shutting down\r\n", 0));
    for count in 1..=2 {
        assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
        server.settle();
        assert_eq!(peer.received().len(), count);
    }
}

#[test]
fn a_refusal_in_the_middle_of_the_message_is_its_answer() {
    let (peer, server) = start("");
    peer.fail("data", Fault::Bytes(b"354 go on\r\n552 5.3.4 far too big\r\n", 0));
    assert_eq!(server.send(&Request::new().file("A.JPG", PHOTO).bytes()).body, SUCCESS);
    server.logged(&["rejected", "552 5.3.4 far too big"]);
}
