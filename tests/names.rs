//! The name server for cameras, asked by another program's resolver code: the
//! command that checks where names lead.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::fixture::{Server, afterimage};

fn names(server: &Server) -> SocketAddr {
    let line = server.logged(&["names of cameras are answered on "]);
    let address = line.split("answered on ").nth(1).unwrap();
    address.split_whitespace().next().unwrap().trim_end_matches(',').parse().unwrap()
}

fn check(server: SocketAddr, address: &str) -> (bool, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let server = server.to_string();
    let output =
        afterimage(folder.path(), &["dns", "--check", "--address", address, "--server", &server]);
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn names_of_cameras_lead_to_the_address_that_was_asked() {
    let server = Server::start("DNS_LISTEN = \"127.0.0.1:0\"\n");
    let (well, words) = check(names(&server), "127.0.0.1");
    assert!(well, "{words}");
    assert_eq!(words.matches("ok ").count(), 6, "{words}");
}

#[test]
fn names_lead_where_dns_address_says_and_the_check_tells_what_is_wrong() {
    let server = Server::start("DNS_LISTEN = \"127.0.0.1:0\"\nDNS_ADDRESS = \"192.168.7.7\"\n");
    let address = names(&server);
    assert!(check(address, "192.168.7.7").0);
    let (well, words) = check(address, "192.168.7.8");
    assert!(!well && words.contains("leads to 192.168.7.7, not to 192.168.7.8"), "{words}");
}

#[test]
fn who_may_not_ask_is_refused() {
    let server = Server::start("DNS_LISTEN = \"127.0.0.1:0\"\nDNS_FROM = [\"192.168.1.0/24\"]\n");
    let (well, words) = check(names(&server), "127.0.0.1");
    assert!(!well && words.contains("Refused"), "{words}");
}

#[test]
fn noise_is_survived() {
    let server = Server::start("DNS_LISTEN = \"127.0.0.1:0\"\n");
    let address = names(&server);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 0x2545_f491_u32;
    for length in 0..2_000_usize {
        let noise: Vec<u8> = (0..length % 600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let _ = socket.send_to(&noise, address);
    }
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(check(address, "127.0.0.1").0);
}

#[test]
fn a_silent_name_server_is_told_from_a_wrong_one() {
    // Nobody answers there.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (well, words) = check(silent.local_addr().unwrap(), "127.0.0.1");
    assert!(!well && words.contains("does not answer"), "{words}");
}

#[test]
fn a_bad_setting_is_refused_with_what_to_write() {
    for (config, words) in [
        ("DNS_LISTEN = \"127.0.0.1:0\"\nDNS_ADDRESS = \"::1\"\n", "is no IPv4 address"),
        ("DNS_LISTEN = \"127.0.0.1:0\"\nDNS_FROM = [\"home\"]\n", "is no network"),
        ("DNS_LISTEN = \"127.0.0.1:0\"\nDNS_FROM = []\n", "nobody could ask"),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let command = std::process::Command::new(env!("CARGO_BIN_EXE_afterimage"));
        let Err((_, said)) = Server::try_start(command, folder, config) else {
            panic!("it starts with {config}");
        };
        assert!(said.contains(words), "{said}");
    }
}
