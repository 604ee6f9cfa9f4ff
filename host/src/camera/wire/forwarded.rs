//! For whom a proxy comes: by the PROXY protocol, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>), or by the
//! headers `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! Anybody can write such, so only a proxy that an operator trusts is believed,
//! and of a list only what was added by proxies that he trusts.

use std::net::{IpAddr, SocketAddr};

use super::Head;
use crate::networks::Networks;

/// What version 2 begins with. No HTTP request does.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, with its line end.
const LONGEST_LINE: usize = 107;

/// Longest header of version 2 that is read, with what proxies add to it.
const LONGEST: usize = 4 << 10;

/// What stands at the beginning of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Preface {
    /// No PROXY header.
    Nothing,
    /// Perhaps the beginning of one.
    Unfinished,
    /// One that takes so many bytes; without a source where the proxy itself
    /// asks, for example how the server is.
    Header(usize, Option<SocketAddr>),
    /// One that makes no sense.
    Wrong,
}

/// Reads a PROXY header.
pub(super) fn preface(bytes: &[u8]) -> Preface {
    if bytes.starts_with(SIGNATURE) {
        return version_2(bytes);
    }
    if bytes.starts_with(b"PROXY ") {
        return version_1(bytes);
    }
    let begins = |whole: &[u8]| whole.starts_with(bytes);
    if begins(SIGNATURE) || begins(b"PROXY ") { Preface::Unfinished } else { Preface::Nothing }
}

fn version_1(bytes: &[u8]) -> Preface {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let is_long = bytes.len() > LONGEST_LINE;
        return if is_long { Preface::Wrong } else { Preface::Unfinished };
    };
    let line = String::from_utf8_lossy(&bytes[..end]);
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["PROXY", "TCP4" | "TCP6", source, _, port, _] => {
            match (source.parse::<IpAddr>(), port.parse()) {
                (Ok(address), Ok(port)) => {
                    Preface::Header(end + 1, Some(SocketAddr::new(address, port)))
                }
                _ => Preface::Wrong,
            }
        }
        ["PROXY", "UNKNOWN", ..] => Preface::Header(end + 1, None),
        _ => Preface::Wrong,
    }
}

fn version_2(bytes: &[u8]) -> Preface {
    let Some([command, family, high, low]) = bytes.get(SIGNATURE.len()..SIGNATURE.len() + 4) else {
        return Preface::Unfinished;
    };
    let begin = SIGNATURE.len() + 4;
    let length = begin + usize::from(u16::from_be_bytes([*high, *low]));
    if command >> 4 != 2 || length > LONGEST {
        return Preface::Wrong;
    }
    let Some(addresses) = bytes.get(begin..length) else { return Preface::Unfinished };
    let source = match (command & 0xf, family >> 4, addresses) {
        (0, ..) => None,
        (1, 1, [a, b, c, d, _, _, _, _, high, low, ..]) => {
            let port = u16::from_be_bytes([*high, *low]);
            Some(SocketAddr::from(([*a, *b, *c, *d], port)))
        }
        (1, 2, addresses) if addresses.len() >= 36 => {
            let mut address = [0; 16];
            address.copy_from_slice(&addresses[..16]);
            Some(SocketAddr::from((address, u16::from_be_bytes([addresses[32], addresses[33]]))))
        }
        // Not of the internet: whoever it is has no address.
        (1, 0 | 3, _) => None,
        _ => return Preface::Wrong,
    };
    Preface::Header(length, source)
}

/// The client of a request that `peer` has passed on.
pub(in crate::camera) fn client(head: &Head, peer: SocketAddr, trusted: &Networks) -> SocketAddr {
    let mut client = head.source.filter(|_| trusted.contain(peer.ip())).unwrap_or(peer);
    if !trusted.contain(client.ip()) {
        return client;
    }
    let list = |name: &str| {
        let values: Vec<String> = head.values(name).collect();
        values.join(",")
    };
    let mut clients: Vec<Option<SocketAddr>> =
        list("x-forwarded-for").split(',').map(address).collect();
    if clients.iter().all(Option::is_none) {
        clients = list("forwarded").split(',').map(forwarded).collect();
    }
    // The last was added by the proxy next to us.
    for known in clients.into_iter().rev().map_while(|client| client) {
        client = known;
        if !trusted.contain(client.ip()) {
            break;
        }
    }
    client
}

/// The `for` of an element of `Forwarded`.
fn forwarded(element: &str) -> Option<SocketAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
    })
}

/// An address with or without a port.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 0));
    address.or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn both_versions_of_the_proxy_protocol_are_read() {
        let client: SocketAddr = "203.0.113.7:4711".parse().unwrap();
        let line = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\nGET / HTTP/1.0\r\n\r\n";
        assert_eq!(preface(line), Preface::Header(42, Some(client)));
        assert_eq!(preface(b"PROXY UNKNOWN\r\nGET"), Preface::Header(15, None));
        let six = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n";
        let expected = Some("[2001:db8::7]:4711".parse().unwrap());
        assert_eq!(preface(six), Preface::Header(six.len(), expected));
        let header = |command: u8, family: u8, addresses: &[u8]| {
            let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
            [&SIGNATURE[..], &[command, family], &length, addresses].concat()
        };
        let four = [203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80];
        let bytes = header(0x21, 0x11, &[&four[..], b"\x03\0\x04crc!"].concat());
        assert_eq!(preface(&bytes), Preface::Header(bytes.len(), Some(client)));
        assert_eq!(preface(&header(0x20, 0, b"")), Preface::Header(16, None));
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
        six[32..34].copy_from_slice(&4711_u16.to_be_bytes());
        assert_eq!(preface(&header(0x21, 0x21, &six)), Preface::Header(52, expected));
        assert_eq!(preface(&header(0x31, 0x11, &four)), Preface::Wrong);
        assert_eq!(preface(&header(0x21, 0x11, &four[..8])), Preface::Wrong);
    }

    #[test]
    fn a_header_may_come_in_pieces_and_is_never_taken_for_a_request() {
        let line = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n";
        for length in 1..line.len() - 1 {
            assert_eq!(preface(&line[..length]), Preface::Unfinished, "{length}");
        }
        for length in 1..SIGNATURE.len() {
            assert_eq!(preface(&SIGNATURE[..length]), Preface::Unfinished, "{length}");
        }
        for bytes in [&b"GET / HTTP/1.0"[..], b"PUT /", b"\r\nGET", b"\r\n\r\nGET"] {
            assert_eq!(preface(bytes), Preface::Nothing);
        }
        assert_eq!(preface(b"PROXY TCP4 x y 1 2\r\n"), Preface::Wrong);
        assert_eq!(preface(&[&b"PROXY "[..], &[b'x'; 200]].concat()), Preface::Wrong);
    }

    fn client_of(peer: &str, headers: &str) -> String {
        let trusted = Networks::parse(["10.0.0.0/8", "::1"]).unwrap();
        let head = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        let head = Head::new(Bytes::from(head), Bytes::new()).unwrap();
        client(&head, SocketAddr::new(peer.parse().unwrap(), 1), &trusted).ip().to_string()
    }

    #[test]
    fn of_a_list_only_what_trusted_proxies_added_is_believed() {
        let forged = "X-Forwarded-For: 1.2.3.4, 203.0.113.7\r\nx-forwarded-for: 10.0.0.2\r\n";
        assert_eq!(client_of("10.0.0.1", forged), "203.0.113.7");
        assert_eq!(client_of("198.51.100.1", forged), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", "X-Forwarded-For: 203.0.113.7, what\r\n"), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", "X-Forwarded-For: 203.0.113.7:99\r\n"), "203.0.113.7");
        assert_eq!(client_of("::1", "X-Forwarded-For: [2001:db8::7]:99\r\n"), "2001:db8::7");
        let forwarded =
            "Forwarded: for=1.2.3.4, For=\"[2001:db8::7]:99\";proto=http;by=10.0.0.1\r\n";
        assert_eq!(client_of("10.0.0.1", forwarded), "2001:db8::7");
    }
}
