//! What a camera makes of an answer.

use std::fmt;
use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context;

/// A camera gives up after about this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the camera's screen would show.
#[derive(Debug)]
pub struct Verdict {
    /// Whether it would say that the files were sent.
    pub sent: bool,
    /// The status line of the answer.
    pub status: String,
    /// The body, as much of it as a camera sees: what came in the first
    /// segment (`protocol.md` 2, D26).
    pub body: String,
    /// What a camera would have missed.
    pub missed: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.sent { "sent" } else { "failed" };
        write!(f, "camera: {word}\n  {}\n  {}", self.status, self.body)?;
        if self.missed > 0 {
            write!(
                f,
                "\n  the answer came in pieces; a camera misses the last {} bytes",
                self.missed
            )?;
        }
        Ok(())
    }
}

pub(super) fn connect(host: &str) -> anyhow::Result<TcpStream> {
    let address = host
        .to_socket_addrs()
        .with_context(|| format!("{host}: an address and port like 127.0.0.1:8080 is needed"))?
        .next()
        .with_context(|| format!("{host} has no address"))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("cannot reach {host}; does the server run?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads the answer and judges it.
pub(super) fn hear(stream: &mut TcpStream) -> io::Result<Verdict> {
    let mut segment = vec![0; 64 << 10];
    let length = stream.read(&mut segment)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut missed = 0;
    let mut rest = [0; 4 << 10];
    while let Ok(more @ 1..) = stream.read(&mut rest) {
        missed += more;
    }
    let answer = String::from_utf8_lossy(&segment[..length]);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default().to_owned();
    let sent = status.split(' ').nth(1) == Some("200") && body.contains(r#"Status="succ""#);
    Ok(Verdict { sent, status, body: body.to_owned(), missed })
}
