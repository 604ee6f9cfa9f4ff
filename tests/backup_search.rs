//! Auto Backup's search: who is answered, and with which bytes.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use afterimage::pairing::Udn;

use crate::fixture::Server;
use crate::fixture::backup::{ANOTHER, CAMERA, CONFIG, SERVER, STRANGER, Searcher, m_search};
use crate::fixture::network::alone;

const DEVICE: &str = "urn:schemas-upnp-org:device:MediaServer:1";

/// A server that hears searches.
fn start(config: &str) -> Server {
    let server = Server::start(config);
    server.logged(&["cameras are heard on"]);
    server
}

fn udn() -> Udn {
    Udn::of_installation("a secret")
}

/// The answer of Samsung's program, with our address and UDN.
fn answer(target: &str, usn: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age = 1800\r\nEXT:\r\n\
         LOCATION: http://192.168.1.7:52235/DMS/SamsungDmsDesc.xml\r\n\
         SERVER: MS-Windows/XP UPnP/1.0 PROTOTYPE/1.0\r\nST: {target}\r\nUSN: {usn}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn device() -> String {
    answer(DEVICE, &format!("{}::{DEVICE}", udn()))
}

#[test]
fn a_camera_that_searches_gets_one_answer_byte_for_byte() {
    alone(|| {
        let _server = start(CONFIG);
        let camera = Searcher::new(CAMERA);
        let begun = Instant::now();
        camera.multicast(m_search(DEVICE).as_bytes());
        let (heard, from) = camera.answer(1_000).unwrap();
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        assert_eq!((heard, from), (device(), SocketAddr::from(([192, 168, 1, 7], 1900))));
        assert_eq!(camera.answer(3_000), None, "a second answer");
    });
}

#[test]
fn three_searches_from_three_ports_get_three_answers() {
    alone(|| {
        let _server = start(CONFIG);
        let ports = [(); 3].map(|()| Searcher::new(CAMERA));
        for port in &ports {
            port.multicast(m_search(DEVICE).as_bytes());
        }
        for port in &ports {
            assert_eq!(port.answers(), [device()]);
        }
    });
}

#[test]
fn other_spellings_of_a_search_are_understood() {
    alone(|| {
        let _server = start(CONFIG);
        let camera = Searcher::new(CAMERA);
        for datagram in [
            format!(
                "M-SEARCH * HTTP/1.1\nhost:239.255.255.250:1900\nst:{DEVICE}\nman:\"ssdp:discover\"\nmx:1\n\n"
            ),
            format!("M-SEARCH * HTTP/1.1\r\nST: {DEVICE}"),
        ] {
            camera.multicast(datagram.as_bytes());
            assert_eq!(camera.answers(), [device()], "{datagram}");
        }
    });
}

#[test]
fn what_is_here_is_answered_and_all_else_is_not() {
    alone(|| {
        let server = start(CONFIG);
        let camera = Searcher::new(CAMERA);
        let asked = |target: &str| {
            camera.multicast(m_search(target).as_bytes());
            camera.answers()
        };
        let udn = udn().to_string();
        for target in [
            "upnp:rootdevice",
            "urn:schemas-upnp-org:service:ContentDirectory:1",
            "urn:schemas-upnp-org:service:ConnectionManager:1",
        ] {
            assert_eq!(asked(target), [answer(target, &format!("{udn}::{target}"))]);
        }
        assert_eq!(asked(&udn), [answer(&udn, &udn)]);
        assert_eq!(asked("ssdp:all"), [device()]);
        for target in [
            "urn:schemas-upnp-org:device:MediaRenderer:1",
            "urn:schemas-upnp-org:device:MediaServer:2",
            "uuid:4a682b0b-0361-dbae-6155-ffffffffffff",
        ] {
            assert_eq!(asked(target), [""; 0], "{target}");
        }
        for datagram in [
            &b"\xff\xfe\xfd"[..],
            b"NOTIFY * HTTP/1.1\r\nNT: ssdp:all\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n",
            &[b'x'; 4_000],
        ] {
            camera.multicast(datagram);
        }
        assert_eq!(camera.answers(), [""; 0]);
        assert_eq!(asked(DEVICE), [device()], "the server lives");
        drop(server);
    });
}

#[test]
fn the_address_in_an_answer_is_the_one_by_which_the_asker_reaches_us() {
    alone(|| {
        let _server = start(CONFIG);
        for (asker, address) in [
            ([192, 168, 1, 20], "192.168.1.7"),
            ([10, 9, 8, 20], "10.9.8.1"),
            ([127, 0, 0, 1], "127.0.0.1"),
        ] {
            let camera = Searcher::new(Ipv4Addr::from(asker));
            camera.multicast(m_search(DEVICE).as_bytes());
            let answers = camera.answers();
            let location = format!("LOCATION: http://{address}:52235/");
            assert!(answers.len() == 1 && answers[0].contains(&location), "{answers:?}");
        }
    });
}

#[test]
fn with_address_only_that_one_is_offered() {
    alone(|| {
        let _server = start(&format!("{CONFIG}ADDRESS = \"10.9.8.1\"\n"));
        let other = Searcher::new(CAMERA);
        other.multicast(m_search(DEVICE).as_bytes());
        assert_eq!(other.answers(), [""; 0]);
        let camera = Searcher::new(Ipv4Addr::new(10, 9, 8, 20));
        camera.multicast(m_search(DEVICE).as_bytes());
        assert!(camera.answers()[0].contains("LOCATION: http://10.9.8.1:52235/"));
        assert!(TcpStream::connect(SERVER).is_err());
    });
}

#[test]
fn a_flood_is_answered_seldom_and_others_all_the_same() {
    alone(|| {
        let server = start(CONFIG);
        let (flooder, other) = (Searcher::new(CAMERA), Searcher::new(ANOTHER));
        let (before, _) = server.footprint();
        let begun = Instant::now();
        for number in 0..5_000_u32 {
            flooder.multicast(m_search(DEVICE).as_bytes());
            if number == 2_500 {
                other.multicast(m_search(DEVICE).as_bytes());
                assert!(other.answer(1_000).is_some(), "within a second");
            }
            // Spread over two seconds, as fast as the buffers take it.
            let due = Duration::from_micros(400) * number;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        let answers = flooder.answers().len();
        assert!((1..=24).contains(&answers), "{answers} answers");
        let (after, _) = server.footprint();
        assert!(after < before + 1_024, "{before} KiB became {after} KiB");
    });
}

#[test]
fn a_stranger_hears_nothing_at_all() {
    alone(|| {
        let _server = start(CONFIG);
        let stranger = Searcher::new(STRANGER);
        stranger.multicast(m_search(DEVICE).as_bytes());
        assert_eq!(stranger.answers(), [""; 0]);
        // A server like this one on the same machine is no camera either.
        let loops = UdpSocket::bind("192.168.1.20:0").unwrap();
        assert!(loops.local_addr().unwrap().port() != 1900);
    });
}

#[test]
fn without_the_table_nothing_is_open() {
    alone(|| {
        let _server = Server::start("");
        assert!(TcpStream::connect(SERVER).is_err());
        // Nobody else has the port, and so nobody answers.
        assert!(UdpSocket::bind("0.0.0.0:1900").is_ok());
    });
}
