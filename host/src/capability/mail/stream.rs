//! The bytes of a message, block by block: attachments stream from the spool
//! as base64 and never lie in memory whole.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Bytes of a file in one line of base64, which has 76 characters.
const LINE: usize = 57;
/// Bytes of a file that are encoded and sent at once.
const BLOCK: usize = LINE << 10;

/// A part of a message.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// A file, as base64.
    File {
        path: PathBuf,
        size: u64,
    },
}

impl Piece {
    /// Bytes on the wire.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => {
                let lines = size.div_ceil(LINE as u64);
                4 * size.div_ceil(3) + 2 * lines.saturating_sub(1)
            }
        }
    }
}

/// A message block by block.
pub(super) struct Blocks<'a> {
    head: Option<&'a [u8]>,
    body: std::slice::Iter<'a, Piece>,
    file: Option<(File, u64)>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(head: &'a [u8], body: &'a [Piece]) -> Self {
        Self { head: Some(head), body: body.iter(), file: None }
    }

    /// The next block, none behind the last one.
    ///
    /// # Errors
    /// A file cannot be read or has become shorter: the message must not end
    /// here, or the recipient gets half of it.
    pub(super) async fn next(&mut self) -> io::Result<Option<Cow<'a, [u8]>>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(Cow::Borrowed(head)));
        }
        loop {
            if let Some((file, left)) = &mut self.file {
                if *left == 0 {
                    self.file = None;
                    continue;
                }
                let length = (*left).min(BLOCK as u64) as usize;
                let mut block = vec![0; length];
                file.read_exact(&mut block).await?;
                *left -= length as u64;
                return Ok(Some(Cow::Owned(lines(&block, *left == 0))));
            }
            match self.body.next() {
                None => return Ok(None),
                Some(Piece::Bytes(bytes)) => return Ok(Some(Cow::Borrowed(bytes))),
                Some(Piece::File { path, size }) => {
                    self.file = Some((File::open(path).await?, *size));
                }
            }
        }
    }
}

/// Lines of base64, the last one without its end.
fn lines(block: &[u8], is_last: bool) -> Vec<u8> {
    let mut lines = Vec::with_capacity(block.len() * 78 / LINE + 78);
    let mut line = [0; 76];
    for bytes in block.chunks(LINE) {
        let length = STANDARD.encode_slice(bytes, &mut line).expect("57 bytes are 76 characters");
        lines.extend_from_slice(&line[..length]);
        lines.extend_from_slice(b"\r\n");
    }
    if is_last {
        lines.truncate(lines.len() - 2);
    }
    lines
}

/// Doubles the dot at the beginning of a line, from block to block
/// (RFC 5321 4.5.2).
pub(super) struct Dots {
    at_start: bool,
}

impl Dots {
    pub(super) fn new() -> Self {
        Self { at_start: true }
    }

    pub(super) fn double<'a>(&mut self, block: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let begins = self.at_start && block.starts_with(b".");
        self.at_start = block.last().map_or(self.at_start, |last| *last == b'\n');
        if !begins && memchr::memmem::find(&block, b"\n.").is_none() {
            return block;
        }
        let mut doubled = Vec::with_capacity(block.len() + 16);
        let mut before = if begins { b'\n' } else { b' ' };
        for &byte in block.iter() {
            if byte == b'.' && before == b'\n' {
                doubled.push(b'.');
            }
            doubled.push(byte);
            before = byte;
        }
        Cow::Owned(doubled)
    }

    /// What ends the message.
    pub(super) fn end(&self) -> &'static [u8] {
        if self.at_start { b".\r\n" } else { b"\r\n.\r\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_streamed_file_has_the_size_that_was_announced() {
        for size in [1, 2, 56, 57, 58, 114, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            std::io::Write::write_all(&mut file, &bytes).unwrap();
            let piece = Piece::File { path: file.path().to_owned(), size: size as u64 };
            let announced = piece.size();
            let mut sent = Vec::new();
            let body = [piece];
            let mut blocks = Blocks::new(b"", &body);
            while let Some(block) = blocks.next().await.unwrap() {
                sent.extend_from_slice(&block);
            }
            assert_eq!(sent.len() as u64, announced, "{size}");
            let text: Vec<u8> = sent.into_iter().filter(|b| !b"\r\n".contains(b)).collect();
            assert!(STANDARD.decode(text).unwrap() == bytes, "{size}");
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error_and_no_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let body = [Piece::File { path: file.path().to_owned(), size: 5 }];
        let mut blocks = Blocks::new(b"", &body);
        blocks.next().await.unwrap();
        assert!(blocks.next().await.is_err());
    }

    #[test]
    fn a_dot_at_the_beginning_of_a_line_is_doubled_in_whatever_block_it_comes() {
        let message = b".a\r\n.\r\n..b\r\nc.d\r\n\r\n.".as_slice();
        for size in 1..=message.len() {
            let mut dots = Dots::new();
            let sent: Vec<u8> = message
                .chunks(size)
                .flat_map(|block| dots.double(Cow::Borrowed(block)).into_owned())
                .collect();
            assert_eq!(sent, b"..a\r\n..\r\n...b\r\nc.d\r\n\r\n..", "{size}");
            assert_eq!(dots.end(), b"\r\n.\r\n");
        }
    }
}
