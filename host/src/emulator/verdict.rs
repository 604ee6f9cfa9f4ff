//! What a camera makes of an answer.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;

/// A camera gives up after about this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the camera's screen would show, and why.
#[derive(Debug)]
pub struct Verdict {
    /// Whether it is content.
    pub content: bool,
    /// The words for it: `sent`, `failed`, ...
    pub word: &'static str,
    /// What it heard, one line or more for each answer.
    pub heard: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "camera: {}", self.word)?;
        for line in self.heard.iter().flat_map(|heard| heard.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// An answer as a camera hears it: what came in the first segment
/// (`protocol.md` 2, D26).
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Bytes of later segments.
    missed: usize,
}

impl Heard {
    /// Reads an answer of which `missed` bytes came too late.
    pub(super) fn parse(answer: &str, missed: usize) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let mut lines = head.lines();
        Self {
            status_line: lines.next().unwrap_or_default().to_owned(),
            headers: lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body: body.to_owned(),
            missed,
        }
    }

    pub(super) fn status(&self) -> u16 {
        self.status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The value of an attribute, searched as cameras do: by `strstr`.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// Whether it ends an upload well.
    pub(super) fn succeeds(&self) -> bool {
        self.status() == 200 && self.body.contains(r#"Status="succ""#)
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.status_line, self.body)?;
        if self.missed > 0 {
            write!(
                f,
                "\nthe answer came in pieces; a camera misses the last {} bytes",
                self.missed
            )?;
        }
        Ok(())
    }
}

/// A piece of a request.
pub(super) enum Piece {
    Text(String),
    File(std::fs::File),
}

impl Piece {
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Self::Text(text) => Ok(text.len() as u64),
            Self::File(file) => Ok(file.metadata()?.len()),
        }
    }
}

/// Sends a request and hears the answer. On a terminal a bar shows how far it
/// is.
pub(super) fn exchange(host: &str, head: &str, body: Vec<Piece>) -> anyhow::Result<Heard> {
    let mut stream = connect(host)?;
    let sent = send(&mut stream, head, body);
    // A server may refuse in the middle; what it says counts.
    match (hear(&mut stream), sent) {
        (Ok(heard), _) => Ok(heard),
        (Err(_), Err(error)) => Err(error).context("the server broke the connection"),
        (Err(error), Ok(())) => Err(error).context("no answer"),
    }
}

fn connect(host: &str) -> anyhow::Result<TcpStream> {
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

fn send(stream: &mut TcpStream, head: &str, body: Vec<Piece>) -> io::Result<()> {
    let length = body.iter().map(Piece::length).sum::<io::Result<u64>>()?;
    // Invisible unless standard error is a terminal.
    let bar = ProgressBar::new(length);
    let result = stream.write_all(head.as_bytes()).and_then(|()| {
        body.into_iter().try_for_each(|piece| match piece {
            Piece::Text(text) => stream.write_all(text.as_bytes()),
            Piece::File(file) => io::copy(&mut bar.wrap_read(file), stream).map(drop),
        })
    });
    bar.finish_and_clear();
    result
}

fn hear(stream: &mut TcpStream) -> io::Result<Heard> {
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
    Ok(Heard::parse(&String::from_utf8_lossy(&segment[..length]), missed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_two_segments_loses_its_body_as_on_a_camera() {
        let heard = Heard::parse("HTTP/1.1 200 OK\r\n\r\n", 26);
        assert!(!heard.succeeds());
        assert!(heard.to_string().contains("misses the last 26 bytes"));
        let whole = Heard::parse("HTTP/1.1 200 OK\r\n\r\n<Response Status=\"succ\" />", 0);
        assert!(whole.succeeds());
    }

    #[test]
    fn attributes_are_searched_as_by_strstr() {
        let heard = Heard::parse("HTTP/1.1 200 OK\r\n\r\n<LoginPeopleID=\"x\"/>", 0);
        assert_eq!(heard.attribute("LoginPeopleID"), Some("x"));
        assert_eq!(heard.attribute("SessionKey"), None);
    }
}
