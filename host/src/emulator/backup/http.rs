//! Requests of a camera that backs up, one connection each.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use socket2::{Domain, SockRef, Socket, Type};

/// A camera gives up after about this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Largest answer that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Where something is on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Address and port.
    pub(super) host: String,
    /// Path and query.
    pub(super) path: String,
}

impl Place {
    /// Reads `http://192.0.2.1:52235/path`.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("{url} is not http://"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        super::server(host)?;
        Ok(Self { host: host.to_owned(), path: format!("/{path}") })
    }

    /// What a document here calls `reference`.
    pub(super) fn beside(&self, reference: &str) -> Self {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match reference.starts_with('/') {
            true => reference.to_owned(),
            false => format!("{folder}/{reference}"),
        };
        Self { host: self.host.clone(), path }
    }
}

/// What the server says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// Whether head and body were there at once.
    pub(super) came_in_one_piece: bool,
}

impl Answer {
    /// The status, and what the body says if it is short.
    pub(super) fn in_short(&self) -> String {
        let body: String = self.body.chars().take(400).filter(|c| !c.is_control()).collect();
        format!("status {} {body}", self.status)
    }
}

/// Sends a request without a file.
pub(super) fn ask(host: &str, from: Option<Ipv4Addr>, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = connect(host, from)?;
    stream.write_all(request).context("the server broke the connection")?;
    hear(&mut stream).context("no answer")
}

/// Sends a file. On a terminal a bar shows how far it is.
pub(super) fn send(
    host: &str,
    from: Option<Ipv4Addr>,
    head: &str,
    file: &mut File,
) -> anyhow::Result<Answer> {
    let mut stream = connect(host, from)?;
    // Invisible unless standard error is a terminal.
    let bar = ProgressBar::new(file.metadata()?.len());
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| io::copy(&mut bar.wrap_read(file), &mut stream));
    bar.finish_and_clear();
    // A server may refuse in the middle; what it says counts.
    match (hear(&mut stream), sent) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Err(error)) => Err(error).context("the server broke the connection"),
        (Err(error), Ok(_)) => Err(error).context("no answer"),
    }
}

/// Sends the first bytes of a file and breaks the connection.
pub(super) fn hang_up(
    host: &str,
    from: Option<Ipv4Addr>,
    head: &str,
    file: &mut File,
    bytes: u64,
) -> anyhow::Result<()> {
    let mut stream = connect(host, from)?;
    stream.write_all(head.as_bytes())?;
    io::copy(&mut file.take(bytes), &mut stream)?;
    // A reset, as when the network goes.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

fn connect(host: &str, from: Option<Ipv4Addr>) -> anyhow::Result<TcpStream> {
    let connect = || -> anyhow::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(from) = from {
            socket.bind(&SocketAddrV4::new(from, 0).into())?;
        }
        socket.connect_timeout(&super::server(host)?.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    connect().with_context(|| format!("cannot reach {host}; does the server run?"))
}

fn hear(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = vec![0; 64 << 10];
    let first = stream.read(&mut bytes)?;
    bytes.truncate(first);
    let end_of_head = |bytes: &[u8]| bytes.windows(4).position(|w| w == b"\r\n\r\n");
    let mut stream = stream.take(LARGEST);
    loop {
        if let Some(end) = end_of_head(&bytes) {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length =
                head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                });
            let whole = length.map(|length: usize| end + 4 + length);
            let mut rest = [0; 16 << 10];
            while whole.is_none_or(|whole| bytes.len() < whole) {
                match stream.read(&mut rest)? {
                    0 if whole.is_some() => return Err(io::ErrorKind::UnexpectedEof.into()),
                    0 => break,
                    length => bytes.extend_from_slice(&rest[..length]),
                }
            }
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return Ok(Answer {
                status: status.unwrap_or(0),
                body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
                came_in_one_piece: whole.is_some_and(|whole| first >= whole),
            });
        }
        let mut rest = [0; 16 << 10];
        match stream.read(&mut rest)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&rest[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_relative_to_its_document_or_to_the_root() {
        let device = Place::parse("http://192.0.2.1:52235/DMS/Device.xml").unwrap();
        assert_eq!(device.beside("Service.xml").path, "/DMS/Service.xml");
        assert_eq!(device.beside("/upnp/x").path, "/upnp/x");
        assert!(Place::parse("https://192.0.2.1/").is_err());
        assert!(Place::parse("http://host.example/").is_err(), "a camera asks no name server");
    }
}
