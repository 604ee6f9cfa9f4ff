//! Tries in `deliver` to reach the network at ADDRESS and elsewhere.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let address = settings["ADDRESS"].as_str().unwrap_or_default();
    let attempts = [
        ("connect", TcpStream::connect(address).map(drop)),
        ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
        (
            "datagram",
            UdpSocket::bind("127.0.0.1:0").and_then(|s| s.send_to(b"x", address)).map(drop),
        ),
        ("resolve", "localhost:80".to_socket_addrs().map(drop)),
    ];
    let succeeded: Vec<&str> =
        attempts.iter().filter(|(_, result)| result.is_ok()).map(|(name, _)| *name).collect();
    Err(Failure::Reject(rejection(match succeeded.is_empty() {
        true => "all refused".to_owned(),
        false => succeeded.join(", "),
    })))
}

action!(deliver);
