//! The way to the mail server: which of its addresses, for how long, and who
//! logs in how.

use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::fixture::{Fault, Faulty, PASSWORD, Request, SUCCESS, Server, USERNAME};

fn config(host: &str, port: u16, more: &str) -> String {
    format!(
        "MAIL_SERVER = {host:?}\nMAIL_PORT = {port}\n\
         RETRY_DELAYS = [\"0 s\", \"1 h\"]\nREPEAT_WINDOW = \"0 s\"\n{more}"
    )
}

fn account(more: &str) -> String {
    format!("MAIL_USERNAME = {USERNAME:?}\nMAIL_PASSWORD = {PASSWORD:?}\n{more}")
}

#[track_caller]
fn send(server: &Server) {
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
}

#[test]
fn a_kept_connection_that_ends_is_replaced_at_once() {
    for (stage, fault) in [
        ("rset", Fault::Answer("421 4.4.2 timed out")),
        ("rset", Fault::Drop),
        ("rset", Fault::Answer("500 what")),
        ("mail", Fault::Answer("421 4.4.2 timed out")),
        ("mail", Fault::Drop),
        ("rcpt", Fault::Answer("421 4.3.2 shutting down")),
        ("data", Fault::Answer("421 4.3.2 shutting down")),
        ("data", Fault::Drop),
    ] {
        let peer = Faulty::start(&[]);
        let server = Server::start(&config("127.0.0.1", peer.port, ""));
        send(&server);
        server.settle();
        peer.fail_once(stage, fault);
        send(&server);
        server.settle();
        assert_eq!((peer.mails().len(), peer.connections()), (2, 2), "{stage} {fault:?}");
        assert!(!server.log().contains("next attempt"), "{stage} {fault:?}");
    }
}

#[test]
fn a_kept_connection_that_says_farewell_in_between_is_replaced_at_once() {
    let peer = Faulty::start(&[(".", Fault::Bytes(b"250 taken\r\n421 4.4.2 timed out\r\n", 0))]);
    let server = Server::start(&config("127.0.0.1", peer.port, ""));
    for _ in 0..3 {
        send(&server);
        server.settle();
    }
    assert_eq!((peer.mails().len(), peer.connections()), (3, 3));
    assert!(!server.log().contains("next attempt"));
}

#[test]
fn a_421_on_a_new_connection_waits_for_the_next_attempt() {
    let peer = Faulty::start(&[("mail", Fault::Answer("421 4.7.0 too many connections"))]);
    let server = Server::start(&config("127.0.0.1", peer.port, ""));
    send(&server);
    server.logged(&["421 4.7.0 too many connections", "next attempt"]);
    assert_eq!(peer.connections(), 1);
}

#[test]
fn login_follows_plain_where_the_server_takes_no_plain() {
    for words in ["504 5.7.4 unrecognized", "500 what", "502 not implemented", "501 syntax"] {
        let peer = Faulty::start(&[]);
        peer.offer(&["AUTH PLAIN LOGIN"]);
        let server = Server::start(&config("127.0.0.1", peer.port, &account("")));
        peer.fail("auth plain", Fault::Answer(words));
        send(&server);
        server.settle();
        assert_eq!(peer.mails().len(), 1);
        let commands = peer.commands();
        let at = commands.iter().position(|command| command == "AUTH LOGIN").unwrap();
        assert_eq!(commands[at + 1..at + 3], ["Y2FtZXJh", "dHIwdWI0ZG9yLWFuZC0z"]);
    }
}

#[test]
fn a_wrong_password_is_tried_one_way_only() {
    let peer = Faulty::start(&[("auth", Fault::Answer("535 5.7.8 wrong"))]);
    peer.offer(&["AUTH PLAIN LOGIN"]);
    let server = Server::start(&config("127.0.0.1", peer.port, &account("")));
    send(&server);
    server.logged(&["535 5.7.8 wrong", "are MAIL_USERNAME and MAIL_PASSWORD right?"]);
    let tried = peer.commands().into_iter().filter(|c| c.starts_with("AUTH")).count();
    assert_eq!(tried, 1);
}

#[test]
fn a_server_without_a_login_for_passwords_is_told_so() {
    for (features, words) in [
        (&["AUTH XOAUTH2"][..], "that this program cannot do (XOAUTH2)"),
        (&["AUTH OAUTHBEARER XOAUTH2", "AUTH=CRAM-MD5"], "(OAUTHBEARER, XOAUTH2, CRAM-MD5)"),
        (&[], "it offers no login"),
    ] {
        let peer = Faulty::start(&[]);
        peer.offer(features);
        let server = Server::start(&config("127.0.0.1", peer.port, &account("")));
        send(&server);
        let line = server.logged(&["action email failed", words, "next attempt"]);
        assert!(!line.contains("are MAIL_USERNAME and MAIL_PASSWORD right?"), "{line}");
        assert!(!peer.commands().iter().any(|command| command.starts_with("AUTH")));
    }
}

#[test]
fn a_server_that_knows_no_ehlo_is_greeted_the_old_way() {
    let peer = Faulty::start(&[("ehlo", Fault::Answer("502 what"))]);
    let server = Server::start(&config("127.0.0.1", peer.port, ""));
    send(&server);
    server.settle();
    assert_eq!(peer.mails().len(), 1);
}

#[test]
fn an_ipv6_address_may_stand_in_brackets() {
    for host in ["[::1]", "::1"] {
        let peer = Faulty::start_at("[::1]:0", &[]);
        let server = Server::start(&config(host, peer.port, ""));
        send(&server);
        server.settle();
        assert_eq!(peer.mails().len(), 1);
    }
}

/// A port of this address where connections are neither made nor refused,
/// as long as what is returned lives.
fn silent(address: SocketAddr) -> (Socket, Vec<TcpStream>) {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let mut open = Vec::new();
    let wait = std::time::Duration::from_millis(200);
    while let Ok(stream) = TcpStream::connect_timeout(&address, wait) {
        open.push(stream);
    }
    (socket, open)
}

#[test]
fn a_silent_address_does_not_take_the_time_of_the_next() {
    use std::net::ToSocketAddrs;

    let mut addresses: Vec<_> = ("localhost", 25).to_socket_addrs().unwrap().collect();
    addresses.dedup();
    let [first, _] = &addresses[..] else {
        eprintln!("localhost has one address only: {addresses:?}");
        return;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (peer, _silent) = match first.is_ipv6() {
        true => {
            let silent = silent(format!("[::1]:{port}").parse().unwrap());
            (Faulty::start_at(&format!("127.0.0.1:{port}"), &[]), silent)
        }
        false => {
            let silent = silent(format!("127.0.0.1:{port}").parse().unwrap());
            (Faulty::start_at(&format!("[::1]:{port}"), &[]), silent)
        }
    };
    let server = Server::start(&config("localhost", port, ""));
    send(&server);
    server.settle();
    assert_eq!(peer.mails().len(), 1);
}
