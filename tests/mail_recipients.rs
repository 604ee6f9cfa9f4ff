//! Each recipient of an e-mail on its own: whatever lives out there gets it,
//! and one that is none costs nobody else the photo.

use crate::fixture::{
    Exim, Fault, Faulty, PASSWORD, PHOTO, Received, Request, SUCCESS, Server, USERNAME,
};

fn start(settings: &str) -> (Faulty, Server) {
    let peer = Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n\
         RETRY_DELAYS = [\"0 s\", \"20 ms\"]\nREPEAT_WINDOW = \"0 s\"\n{settings}",
        peer.port
    ));
    (peer, server)
}

#[test]
fn addresses_that_exist_pass_as_they_are() {
    let (peer, server) = start("");
    let addresses = [
        "user.@docomo.ne.jp",
        "a..b@ezweb.ne.jp",
        ".c@docomo.ne.jp",
        "\"john doe\"@example.net",
        "u@[192.168.1.5]",
        "u@[IPv6:fe80::1]",
        "u@my_host.example.net",
        "o'brien+cam@example.net",
        "u@localhost",
    ];
    assert_eq!(server.send(&Request::new().to(&addresses).bytes()).body, SUCCESS);
    server.settle();
    assert_eq!(peer.mails()[0].to, addresses);
    let text = String::from_utf8_lossy(&peer.mails()[0].bytes).replace("\r\n ", " ");
    assert!(text.contains(&format!("To: {}\r\n", addresses.join(", "))), "{text:.2000}");
}

#[test]
fn what_is_no_address_costs_only_itself() {
    let (peer, server) = start("");
    for (count, bad) in
        ["not an address", "x@y;", "a@x,b@y", "mailto:a@x", "a@bücher..example", "a@", "a b@c"]
            .into_iter()
            .enumerate()
    {
        for to in [[bad, "alice@example.net"], ["alice@example.net", bad]] {
            assert_eq!(server.send(&Request::new().to(&to).bytes()).body, SUCCESS, "{bad}");
        }
        server.wait_until_none_is(&["queued", "delivering"]);
        let mails = peer.mails();
        assert_eq!(mails.len(), 2 * (count + 1), "{bad}");
        assert!(mails.iter().all(|mail| mail.to == ["alice@example.net"]));
        server.logged(&["rejected", "is no address", "mailed to alice@example.net"]);
    }
}

#[test]
fn what_nobody_can_get_is_refused_while_the_camera_waits() {
    let (peer, server) = start("");
    for bad in ["not an address", "x@y;", "a@x,b@y", "mailto:a@x", "a@bücher..example"] {
        let answer = server.send(&Request::new().to(&[bad]).bytes());
        answer.assert_error(400, "is no address");
    }
    let many: Vec<String> = (0..201).map(|n| format!("u{n}@example.net")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    server.send(&Request::new().to(&many).bytes()).assert_error(400, "201 recipients");
    assert_eq!(peer.connections(), 0);
}

#[test]
fn a_camera_that_is_no_address_needs_a_sender() {
    let senders = "SENDERS = [\"holiday cam@nowhere\"]\n";
    let request = Request::new().from("holiday cam@nowhere").bytes();
    let (_, server) = start(senders);
    server.send(&request).assert_error(400, "no address to send from");
    let (peer, server) = start(&format!("MAIL_DEFAULT_SENDER = \"me@example.net\"\n{senders}"));
    assert_eq!(server.send(&request).body, SUCCESS);
    server.settle();
    assert_eq!(peer.mails().len(), 1);
}

#[test]
fn more_than_a_hundred_get_it_in_turns() {
    let (peer, server) = start("");
    let many: Vec<String> = (0..150).map(|n| format!("u{n}@example.net")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(server.send(&Request::new().to(&many).bytes()).body, SUCCESS);
    server.settle();
    let mails = peer.mails();
    assert_eq!(
        mails.iter().flat_map(|mail| &mail.to).collect::<Vec<_>>(),
        many.iter().collect::<Vec<_>>()
    );
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].bytes, mails[1].bytes);
}

#[test]
fn who_is_too_many_at_once_gets_it_right_after() {
    let (peer, server) = start("");
    peer.fail_once("rcpt to:<c@", Fault::Answer("452 4.5.3 too many recipients"));
    let to = ["a@example.net", "b@example.net", "c@example.net"];
    assert_eq!(server.send(&Request::new().to(&to).bytes()).body, SUCCESS);
    server.settle();
    let to: Vec<Vec<String>> = peer.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, [to_owned(&["a@example.net", "b@example.net"]), to_owned(&["c@example.net"])]);
    assert!(!server.log().contains("next attempt"));
}

fn to_owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn an_address_outside_ascii_costs_only_itself_where_nobody_takes_it() {
    let (peer, server) = start("");
    let to = ["jürgen@example.net", "alice@example.net"];
    assert_eq!(server.send(&Request::new().to(&to).bytes()).body, SUCCESS);
    server.logged(&["rejected", "takes no addresses outside ASCII", "mailed to alice@example.net"]);
    let [mail] = &peer.mails()[..] else { panic!("one mail") };
    assert_eq!(mail.to, ["alice@example.net"]);
    assert!(mail.bytes.is_ascii());
}

#[test]
fn every_line_is_short_and_without_controls_whatever_the_camera_says() {
    let (peer, server) = start("");
    let many: Vec<String> = (0..40).map(|n| format!("somebody.{n}@mail.example.net")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (title, text) in [
        ("x".repeat(400), "x".repeat(3000)),
        ("여름 ".repeat(100), "여름".repeat(900)),
        ("a \u{1b}[31m b".to_owned(), "a\rb\u{1b}[31m\u{7}\nc\n.\n..".to_owned()),
    ] {
        let request = Request::new().to(&many).title(&title).text(&text);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        server.settle();
        let mail = peer.received().pop().unwrap();
        for line in String::from_utf8(mail).unwrap().split("\r\n") {
            assert!(line.len() <= 998, "{} bytes", line.len());
            assert!(line.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)), "{line:?}");
        }
    }
}

#[test]
fn exim_takes_thirty_two_recipients_and_a_word_of_three_thousand() {
    let Some(exim) = Exim::start() else { return };
    let server = Server::start(&format!(
        "MAIL_SERVER = \"localhost\"\nMAIL_PORT = {}\nMAIL_USE_TLS = true\n\
         MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\nMAIL_CA_FILE = {:?}\n",
        exim.port,
        exim.authority()
    ));
    let many: Vec<String> =
        (0..32).map(|n| format!("somebody.with.a.name.{n}@example.com")).collect();
    let to: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = format!("{} end", "x".repeat(3000));
    let request = Request::new().to(&to).text(&text).file("A.JPG", PHOTO);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.settle();
    let received = Received::read(&exim.messages(32)[0]);
    assert_eq!(received.header("To"), [many.join(", ")]);
    assert_eq!(received.text().trim_end(), text);
}
