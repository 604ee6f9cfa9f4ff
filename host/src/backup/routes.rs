//! Where a request leads.

use std::net::{Ipv4Addr, SocketAddrV4};

use hyper::body::Incoming as HttpBody;
use hyper::header::{HOST, ORIGIN, REFERER};
use hyper::{Method, Request, Uri};

use super::peers::Peer;
use super::reply::{Refused, Reply};
use super::state::State;
use super::{Intake, content, control, description};

/// Answers a request.
///
/// # Errors
/// It asks for nothing that is here, or asks as no camera does.
pub(super) async fn answer<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    server: SocketAddrV4,
    head: &[u8],
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    let is_known = [Method::GET, Method::HEAD, Method::POST, Method::PUT];
    if !is_known.contains(request.method()) {
        return Err(Refused::Method);
    }
    refuse_browsers(&request)?;
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    match (is_read, place(request.uri())) {
        (true, Some(Place::Device)) => {
            Ok(Reply::ok(description::device(&state.udn, &state.settings.name)))
        }
        (true, Some(Place::ContentDirectory)) => Ok(Reply::ok(description::content_directory())),
        (true, Some(Place::ConnectionManager)) => Ok(Reply::ok(description::connection_manager())),
        (false, Some(Place::Control)) if *request.method() == Method::POST => {
            control::answer(state, peer, server, head, request).await
        }
        (false, Some(Place::Content)) => content::receive(state, peer, request).await,
        (_, None) => Err(Refused::Unknown),
        (_, Some(_)) => Err(Refused::Method),
    }
}

/// What is here.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Device,
    ContentDirectory,
    ConnectionManager,
    Control,
    Content,
}

/// What is under the path of `uri`. The descriptions of services stand beside
/// that of the device, and are found under any folder: a camera may look for
/// them in the root.
fn place(uri: &Uri) -> Option<Place> {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    if parts.contains(&"..") {
        return None;
    }
    let is = |part: &str, wanted: &str| part.eq_ignore_ascii_case(wanted);
    match parts.as_slice() {
        [upnp, control, service]
            if is(upnp, "upnp")
                && is(control, "control")
                && (is(service, "ContentDirectory1") || is(service, "ConnectionManager1")) =>
        {
            Some(Place::Control)
        }
        [cd, path] if is(cd, "cd") && is(path, "content") => Some(Place::Content),
        [.., file] if is(file, "SamsungDmsDesc.xml") => Some(Place::Device),
        [.., file] if is(file, "ContentDirectory1.xml") => Some(Place::ContentDirectory),
        [.., file] if is(file, "ConnectionManager1.xml") => Some(Place::ConnectionManager),
        _ => None,
    }
}

/// A page of anybody may send requests to a private address out of a browser.
/// A browser says so, and names the host that it believes to speak with.
fn refuse_browsers(request: &Request<HttpBody>) -> Result<(), Refused> {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) {
        return Err(Refused::Browser("an Origin header"));
    }
    if headers.contains_key(REFERER) {
        return Err(Refused::Browser("a Referer header"));
    }
    if headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")) {
        return Err(Refused::Browser("a Sec-Fetch header"));
    }
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let hosts = headers.get_all(HOST).iter().map(|host| host.as_bytes()).chain(authority);
    for host in hosts {
        if !is_address(host) {
            return Err(Refused::Browser("a Host that is no IPv4 address"));
        }
    }
    Ok(())
}

/// Whether `host` is nothing or an IPv4 address, with or without a port.
fn is_address(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host);
    let host = host.trim();
    let (address, port) = host.split_once(':').unwrap_or((host, ""));
    host.is_empty()
        || (address.parse::<Ipv4Addr>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_in_any_folder_and_nothing_else_is() {
        let of = |path: &str| place(&path.parse().unwrap());
        assert_eq!(of("/DMS/SamsungDmsDesc.xml"), Some(Place::Device));
        assert_eq!(of("//dms//ContentDirectory1.xml"), Some(Place::ContentDirectory));
        assert_eq!(of("/ConnectionManager1.xml"), Some(Place::ConnectionManager));
        assert_eq!(of("/upnp/control/ContentDirectory1"), Some(Place::Control));
        assert_eq!(of("/cd/content?didx=0_id=x"), Some(Place::Content));
        for nothing in ["/", "/DMS/x.xml", "/DMS/../etc/passwd", "/upnp/event/ContentDirectory1"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_host_is_an_address() {
        for address in ["192.168.1.7:52235", "192.168.1.7", "", " "] {
            assert!(is_address(address.as_bytes()), "{address}");
        }
        for name in ["evil.example", "evil.example:52235", "192.168.1.7.evil.example", "[::1]:1"] {
            assert!(!is_address(name.as_bytes()), "{name}");
        }
    }
}
