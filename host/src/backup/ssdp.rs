//! The search of a camera and the answer to it (UPnP 1.0, section 1.2).
//!
//! The datagram of a camera was never published, so whatever names something
//! that is here is understood. The answer is that of Samsung's own program, byte
//! for byte: servers that left out its last empty line or the `uuid:` of its
//! `USN` were passed over.

use std::net::SocketAddrV4;

use crate::pairing::Udn;

/// Largest datagram that is looked at, in bytes.
pub const LARGEST: usize = 2 << 10;

/// Most lines of one.
const LINES: usize = 32;

/// Type of the server.
pub const DEVICE: &str = "urn:schemas-upnp-org:device:MediaServer:1";
/// Type of the service that takes files.
pub const CONTENT_DIRECTORY: &str = "urn:schemas-upnp-org:service:ContentDirectory:1";
/// Type of the other service, which cameras only read of.
pub const CONNECTION_MANAGER: &str = "urn:schemas-upnp-org:service:ConnectionManager:1";

/// What is searched for and is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A type of device or service, or any device.
    Type(&'static str),
    /// This very server.
    Server,
}

/// What the datagram searches for; none if that is not here, or if it is no
/// search.
pub fn search(datagram: &[u8], udn: &Udn) -> Option<Target> {
    if datagram.len() > LARGEST || datagram.iter().filter(|byte| **byte == b'\n').count() > LINES {
        return None;
    }
    let mut lines = datagram.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut request = lines.find(|line| !line.is_empty())?.split(u8::is_ascii_whitespace);
    let mut word = || request.find(|word| !word.is_empty());
    let is_search = word()?.eq_ignore_ascii_case(b"M-SEARCH")
        && word()? == b"*"
        && word()?.get(..5)?.eq_ignore_ascii_case(b"HTTP/");
    if !is_search {
        return None;
    }
    let target = lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line[..colon].trim_ascii();
        name.eq_ignore_ascii_case(b"ST").then(|| line[colon + 1..].trim_ascii())
    })?;
    // Cameras pad what they send with NUL elsewhere.
    let target = target.strip_suffix(b"\0").unwrap_or(target);
    let is = |wanted: &str| target.eq_ignore_ascii_case(wanted.as_bytes());
    if is("ssdp:all") {
        // One answer, not one for each of the five things that are here.
        return Some(Target::Type(DEVICE));
    }
    if is(udn.as_str()) {
        return Some(Target::Server);
    }
    [DEVICE, "upnp:rootdevice", CONTENT_DIRECTORY, CONNECTION_MANAGER]
        .into_iter()
        .find(|wanted| is(wanted))
        .map(Target::Type)
}

/// The answer, by which the camera finds the description at `server`: at most
/// 400 bytes.
pub fn answer(target: &Target, udn: &Udn, server: SocketAddrV4) -> String {
    let (target, name) = match target {
        Target::Type(target) => (*target, format!("{udn}::{target}")),
        Target::Server => (udn.as_str(), udn.to_string()),
    };
    format!(
        "HTTP/1.1 200 OK\r\n\
         CACHE-CONTROL: max-age = 1800\r\n\
         EXT:\r\n\
         LOCATION: http://{server}/DMS/SamsungDmsDesc.xml\r\n\
         SERVER: MS-Windows/XP UPnP/1.0 PROTOTYPE/1.0\r\n\
         ST: {target}\r\n\
         USN: {name}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udn() -> Udn {
        Udn::parse("uuid:4a682b0b-0361-dbae-6155-0123456789ab").unwrap()
    }

    fn searched(datagram: &str) -> Option<Target> {
        search(datagram.as_bytes(), &udn())
    }

    #[test]
    fn a_search_is_understood_however_it_is_written() {
        for datagram in [
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 3\r\n\
             ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\r\n",
            "M-SEARCH * HTTP/1.1\nhost:239.255.255.250:1900\nst:urn:schemas-upnp-org:device:MediaServer:1\nmx:1",
            "M-SEARCH * HTTP/1.1\r\nST: urn:schemas-upnp-org:device:MediaServer:1",
            "\r\nm-search  * HTTP/1.0\r\nSt : ssdp:ALL \r\n\r\n\0\0",
        ] {
            assert_eq!(searched(datagram), Some(Target::Type(DEVICE)), "{datagram}");
        }
    }

    #[test]
    fn what_is_not_here_is_not_answered() {
        let for_target =
            |target: &str| searched(&format!("M-SEARCH * HTTP/1.1\r\nST: {target}\r\n\r\n"));
        assert_eq!(for_target("upnp:rootdevice"), Some(Target::Type("upnp:rootdevice")));
        assert_eq!(for_target(CONTENT_DIRECTORY), Some(Target::Type(CONTENT_DIRECTORY)));
        assert_eq!(for_target("UUID:4A682B0B-0361-DBAE-6155-0123456789AB"), Some(Target::Server));
        for other in [
            "urn:schemas-upnp-org:device:MediaRenderer:1",
            "urn:schemas-upnp-org:device:MediaServer:2",
            "uuid:4a682b0b-0361-dbae-6155-ffffffffffff",
            "",
        ] {
            assert_eq!(for_target(other), None, "{other}");
        }
        for no_search in [
            "",
            "NOTIFY * HTTP/1.1\r\nNT: ssdp:all\r\n\r\n",
            "HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n",
            "M-SEARCH / HTTP/1.1\r\nST: ssdp:all\r\n\r\n",
            "M-SEARCH *\r\nST: ssdp:all\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(searched(no_search), None, "{no_search:?}");
        }
        assert_eq!(search(&[0xff, 0xfe, 0xfd], &udn()), None);
        let long = format!("M-SEARCH * HTTP/1.1\r\n{}ST: ssdp:all\r\n\r\n", "a: b\r\n".repeat(40));
        assert_eq!(searched(&long), None);
    }

    #[test]
    fn the_answer_is_that_of_samsungs_program() {
        let server = "192.168.1.7:52235".parse().unwrap();
        assert_eq!(
            answer(&Target::Type(DEVICE), &udn(), server),
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age = 1800\r\nEXT:\r\n\
             LOCATION: http://192.168.1.7:52235/DMS/SamsungDmsDesc.xml\r\n\
             SERVER: MS-Windows/XP UPnP/1.0 PROTOTYPE/1.0\r\n\
             ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\
             USN: uuid:4a682b0b-0361-dbae-6155-0123456789ab::urn:schemas-upnp-org:device:MediaServer:1\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let longest = "255.255.255.255:65535".parse().unwrap();
        assert!(answer(&Target::Type(CONNECTION_MANAGER), &udn(), longest).len() <= 400);
        let own = answer(&Target::Server, &udn(), server);
        assert!(own.contains(&format!("\r\nST: {0}\r\nUSN: {0}\r\n", udn())), "{own}");
    }
}
