//! The search, and what a camera takes for an answer.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use socket2::SockRef;

use crate::emulator::request::backup::{GROUP, search};
use crate::pairing::Udn;

/// A camera searches three times, each time from another port, as was seen of
/// an NX1000.
const SEARCHES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(2);

/// The description's address at the server that the card names, or at any.
///
/// # Errors
/// None answers, or none as a camera wants it.
pub(super) fn find(
    server: Option<Ipv4Addr>,
    from: Option<Ipv4Addr>,
    udn: Option<&Udn>,
    heard: &mut Vec<String>,
) -> anyhow::Result<String> {
    let group: SocketAddr = GROUP.parse()?;
    let target = match server {
        Some(server) => SocketAddr::from(SocketAddrV4::new(server, group.port())),
        None => group,
    };
    for _ in 0..SEARCHES {
        let socket = UdpSocket::bind((from.unwrap_or(Ipv4Addr::UNSPECIFIED), 0))?;
        if let Some(from) = from {
            SockRef::from(&socket).set_multicast_if_v4(&from)?;
        }
        socket
            .send_to(search().as_bytes(), target)
            .with_context(|| format!("search at {target}"))?;
        let begun = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
        {
            socket.set_read_timeout(Some(left))?;
            let mut datagram = [0; 2 << 10];
            let Ok((length, peer)) = socket.recv_from(&mut datagram) else { break };
            let answer = String::from_utf8_lossy(&datagram[..length]);
            match judge(&answer, udn) {
                Ok(location) => return Ok(location),
                Err(why) => heard.push(format!("{peer} answers: {why}")),
            }
        }
    }
    bail!("no server answers the search at {target}; is it on, and in the same network?")
}

/// The address of the description in an answer.
///
/// # Errors
/// What makes a camera pass it over.
fn judge(answer: &str, udn: Option<&Udn>) -> Result<String, String> {
    if !answer.starts_with("HTTP/1.1 200 OK\r\n") {
        return Err("no HTTP/1.1 200 OK".to_owned());
    }
    if !answer.ends_with("\r\n\r\n") {
        return Err("no empty line at its end".to_owned());
    }
    let value = |name: &str| {
        let mut lines = answer.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    };
    let target = "urn:schemas-upnp-org:device:MediaServer:1";
    if value("ST").as_deref() != Some(target) {
        return Err("another ST".to_owned());
    }
    let name = value("USN").unwrap_or_default();
    let found = name.strip_suffix(target).and_then(|name| name.strip_suffix("::"));
    match (found.filter(|udn| udn.starts_with("uuid:")), udn) {
        (None, _) => return Err(format!("USN {name:?} is not uuid:...::{target}")),
        (Some(found), Some(udn)) if found != udn.as_str() => {
            return Err(format!("{found} is not the server that the card names"));
        }
        _ => {}
    }
    value("LOCATION").ok_or_else(|| "no LOCATION".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.1:52235/d.xml\r\n\
        ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\
        USN: uuid:a-1::urn:schemas-upnp-org:device:MediaServer:1\r\n\r\n";

    #[test]
    fn an_answer_is_taken_only_as_cameras_take_it() {
        let udn = Udn::parse("uuid:a-1").unwrap();
        assert_eq!(judge(ANSWER, Some(&udn)).unwrap(), "http://192.0.2.1:52235/d.xml");
        let other = Udn::parse("uuid:a-2").unwrap();
        assert!(judge(ANSWER, Some(&other)).is_err());
        assert!(judge(ANSWER, None).is_ok());
        for wrong in [
            ANSWER.trim_end().to_owned(),
            ANSWER.replace("uuid:", ""),
            ANSWER.replace("LOCATION", "X"),
            ANSWER.replace("\r\n", "\n"),
        ] {
            assert!(judge(&wrong, Some(&udn)).is_err(), "{wrong}");
        }
    }
}
