//! The conversation with a mail server, one command and one answer at a time.
//!
//! Threat: an answer that belongs to another question. A server that says
//! more than it was asked, or somebody in between who does, would answer
//! "taken" to a message that it has not seen. So nothing may have come when a
//! command goes out, an answer is bytes until its code is read, all its lines
//! have one code, and what stands behind the answer to `STARTTLS` ends the
//! conversation (CVE-2021-38371).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::text;

/// Bytes of one line; RFC 5321 4.5.3.1.5 allows 512.
const LONGEST_LINE: usize = 4 << 10;
/// Bytes of one answer with all its lines.
const LONGEST_ANSWER: usize = 64 << 10;
/// Characters of an answer that are repeated to the operator.
const QUOTED: usize = 500;

/// What the server said to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Three digits, the first of which is 2 to 5.
    pub(super) code: u16,
    /// The text of each line; there is at least one.
    pub(super) lines: Vec<String>,
}

impl Answer {
    /// Its text in one line, without control characters, of bounded length.
    pub(super) fn text(&self) -> String {
        text::clipped(self.lines.join(" ").trim(), QUOTED)
    }
}

/// Why there is no answer. The conversation has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It was ended before the answer, or in the middle of it.
    #[error("incomplete response: the server ended the connection")]
    Ended,
    /// The network failed.
    #[error("the connection broke: {0}")]
    Network(#[from] io::Error),
    /// Something came that no command asked for; these words.
    #[error("it said {0:?} without being asked")]
    Unasked(String),
    /// What came is no answer; these words.
    #[error("it does not speak SMTP: {0:?}")]
    Strange(String),
    /// The lines of one answer say different things; these words.
    #[error("one answer of it has two codes: {0:?}")]
    TwoCodes(String),
    /// It goes on and on.
    #[error("its answer has no end")]
    Endless,
}

/// One side of a conversation.
pub(super) struct Wire<S> {
    stream: S,
    /// What was read and is not an answer yet.
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Says `command` and reads the answer to it.
    pub(super) async fn ask(&mut self, command: &str) -> Result<Answer, Broken> {
        self.expect_silence().await?;
        self.say(format!("{command}\r\n").as_bytes()).await?;
        self.answer().await
    }

    /// Sends `bytes` at once.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Sends some of `bytes`; how many.
    pub(super) async fn say_some(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        match self.stream.write(bytes).await? {
            0 => Err(Broken::Ended),
            count => Ok(count),
        }
    }

    /// Fails if something has come that is not the answer to a command.
    pub(super) async fn expect_silence(&mut self) -> Result<(), Broken> {
        match self.has_come().await? {
            false => Ok(()),
            true => Err(Broken::Unasked(quote(&self.unread))),
        }
    }

    /// Whether something has come that was not read yet.
    pub(super) async fn has_come(&mut self) -> Result<bool, Broken> {
        if self.unread.is_empty() {
            // Lets the runtime look at the socket.
            tokio::task::yield_now().await;
            let mut buffer = [0; 512];
            let stream = &mut self.stream;
            let came = poll_fn(|context| {
                let mut read = ReadBuf::new(&mut buffer);
                Poll::Ready(match Pin::new(&mut *stream).poll_read(context, &mut read) {
                    Poll::Ready(end) => Some(end.map(|()| read.filled().len())),
                    Poll::Pending => None,
                })
            });
            match came.await {
                None => {}
                Some(Ok(0)) => return Err(Broken::Ended),
                Some(Ok(count)) => self.unread.extend_from_slice(&buffer[..count]),
                Some(Err(error)) => return Err(ended(error)),
            }
        }
        Ok(!self.unread.is_empty())
    }

    /// What has come and was not read yet.
    pub(super) async fn rest(&mut self) -> Option<String> {
        self.has_come().await.is_ok_and(|has_come| has_come).then(|| quote(&self.unread))
    }

    /// Reads one answer.
    pub(super) async fn answer(&mut self) -> Result<Answer, Broken> {
        let mut answer: Option<Answer> = None;
        let mut bytes = 0;
        loop {
            let line = self.line().await?;
            bytes += line.len() + 2;
            if bytes > LONGEST_ANSWER {
                return Err(Broken::Endless);
            }
            let (code, is_last, words) = parse(&line)?;
            let answer = answer.get_or_insert(Answer { code, lines: Vec::new() });
            answer.lines.push(text::decode(words, None).into_owned());
            if answer.code != code {
                return Err(Broken::TwoCodes(format!("{} ... {}", answer.code, quote(&line))));
            }
            if is_last {
                return Ok(answer.clone());
            }
        }
    }

    /// One line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread[searched..]) {
                let end = searched + end;
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.unread.len();
            if searched > LONGEST_LINE {
                return Err(Broken::Endless);
            }
            let mut buffer = [0; 1024];
            match self.stream.read(&mut buffer).await {
                Ok(0) => return Err(Broken::Ended),
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(ended(error)),
            }
        }
    }

    /// The stream, of which nothing has been read that was not an answer.
    pub(super) fn into_stream(self) -> Result<S, Broken> {
        match self.unread.is_empty() {
            true => Ok(self.stream),
            false => Err(Broken::Unasked(quote(&self.unread))),
        }
    }
}

/// A connection that is cut off is one that has ended.
fn ended(error: io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Broken::Ended,
        _ => Broken::Network(error),
    }
}

/// Code, whether it is the last line, and text (RFC 5321 4.2).
fn parse(line: &[u8]) -> Result<(u16, bool, &[u8]), Broken> {
    let strange = || Broken::Strange(quote(line));
    let (code, rest) = line.split_at_checked(3).ok_or_else(strange)?;
    let [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = code else { return Err(strange()) };
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Ok((code, true, rest)),
        Some((b' ', text)) => Ok((code, true, text)),
        Some((b'-', text)) => Ok((code, false, text)),
        Some(_) => Err(strange()),
    }
}

fn quote(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(4 * QUOTED)];
    text::clipped(text::decode(bytes, None).trim(), QUOTED)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::duplex;

    use super::*;

    /// What a client makes of these bytes as the answer to one command.
    async fn answer_of(bytes: &[u8], pieces: usize) -> Result<Answer, Broken> {
        let (client, mut server) = duplex(1 << 20);
        let bytes = bytes.to_vec();
        let sending = tokio::spawn(async move {
            for piece in bytes.chunks(pieces) {
                let _ = server.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        });
        let answer = Wire::new(client).answer().await;
        let _ = sending.await;
        answer
    }

    fn answer(code: u16, lines: &[&str]) -> Answer {
        Answer { code, lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    #[tokio::test]
    async fn an_answer_is_the_same_in_pieces_of_any_size() {
        for pieces in [1, 2, 3, 7, 1000] {
            for (bytes, expected) in [
                (&b"250 ok\r\n"[..], answer(250, &["ok"])),
                (b"250\r\n", answer(250, &[""])),
                (b"250 \r\n", answer(250, &[""])),
                (b"250 ok\n", answer(250, &["ok"])),
                (b"250-a\r\n250-b\r\n250 c\r\n", answer(250, &["a", "b", "c"])),
                ("550 kein Empfänger\r\n".as_bytes(), answer(550, &["kein Empfänger"])),
                (b"550 kein Empf\xe4nger\r\n", answer(550, &["kein Empfänger"])),
            ] {
                assert_eq!(answer_of(bytes, pieces).await.unwrap(), expected);
            }
            // Chinese in GBK: the code counts.
            let taken =
                answer_of(b"250 \xd3\xca\xbc\xfe\xd2\xd1\xbd\xd3\xca\xd5\r\n", pieces).await;
            assert_eq!(taken.unwrap().code, 250);
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_none() {
        for (bytes, words) in [
            (&b"250 ok"[..], "incomplete response"),
            (b"", "incomplete response"),
            (b"250-ok\r\n", "incomplete response"),
            (b"250-ok\r\n550 no\r\n", "two codes"),
            (b"250-ok\r\n251 no\r\n", "two codes"),
            (b"ok\r\n", "does not speak SMTP"),
            (b"\r\n", "does not speak SMTP"),
            (b"25\r\n", "does not speak SMTP"),
            (b"2500 ok\r\n", "does not speak SMTP"),
            (b"250_ok\r\n", "does not speak SMTP"),
            (b"150 ok\r\n", "does not speak SMTP"),
            (b"650 ok\r\n", "does not speak SMTP"),
            (b"\xef\xbb\xbf250 ok\r\n", "does not speak SMTP"),
            (b" 250 ok\r\n", "does not speak SMTP"),
            (b"HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"),
            (&[b'2'; 10_000], "no end"),
            (&b"250-x\r\n".repeat(20_000), "no end"),
        ] {
            for pieces in [1, 4096] {
                let error = answer_of(bytes, pieces).await.unwrap_err().to_string();
                assert!(error.contains(words), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_came_before_its_command_is_none() {
        let (client, mut server) = duplex(1 << 10);
        let mut wire = Wire::new(client);
        server.write_all(b"220 hello\r\n250 ok\r\n").await.unwrap();
        wire.answer().await.unwrap();
        let error = wire.ask("MAIL FROM:<>").await.unwrap_err();
        assert!(matches!(error, Broken::Unasked(_)), "{error}");
        assert!(matches!(wire.into_stream(), Err(Broken::Unasked(_))));

        let (client, mut server) = duplex(1 << 10);
        server.write_all(b"250 ok\r\n").await.unwrap();
        let error = Wire::new(client).ask("NOOP").await.unwrap_err();
        assert!(error.to_string().contains("250 ok"), "{error}");
        // It was not even asked.
        let mut said = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), server.read_to_end(&mut said))
            .await
            .unwrap()
            .unwrap();
        assert!(said.is_empty());
    }
}
