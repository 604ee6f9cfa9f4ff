//! What counts as a delimiter of a multipart body, and where one stands.
//!
//! A delimiter is a line that begins with `--` and the boundary, together with
//! the line end before it. Photos hold near misses, so a delimiter counts only
//! when the boundary, with or without `--`, is followed by padding and a line
//! end, or by the end of the body (`protocol.md` 2 (D10), 13 (J2)).
//!
//! Where the lines of delimiters end in LF alone, so does the one before a
//! delimiter: a CR there is the last byte of a file.

use memchr::memmem::Finder;
use memchr::memrchr;

/// Finds the delimiters of one body.
pub(super) struct Delimiter {
    /// LF, `--` and the boundary. The boundary holds no line end, so bytes that
    /// failed to match cannot hide the beginning of another delimiter.
    finder: Finder<'static>,
    /// Whether lines end in LF alone.
    bare: bool,
}

/// What some bytes that begin like a delimiter are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// That many bytes at the beginning are data, and none of them begins
    /// a delimiter.
    Data(usize),
    /// More bytes have to come first.
    Undecided,
    /// That many bytes at the beginning are a delimiter.
    Delimiter(usize, Next),
}

/// What stands behind a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The headers of a part, unless the body ends here.
    Part,
    /// An epilogue or the end of the body.
    Nothing,
}

impl Delimiter {
    pub(super) fn new(boundary: &str) -> Self {
        let needle = format!("\n--{boundary}");
        Self { finder: Finder::new(&needle).into_owned(), bare: false }
    }

    /// Learns from a delimiter how lines end.
    pub(super) fn learn(&mut self, delimiter: &[u8]) {
        self.bare = delimiter.ends_with(b"\n") && !delimiter.ends_with(b"\r\n");
    }

    /// Whether `bytes` at the end of a body are a delimiter.
    pub(super) fn is_one(&self, bytes: &[u8]) -> bool {
        let line = bytes.trim_ascii_start();
        self.line(line.strip_suffix(b"\r").unwrap_or(line)).is_some()
    }

    /// The length of the data at the beginning of `chunk` and what follows it.
    /// [`Verdict::Data`] says that the whole chunk is data.
    ///
    /// `at_start` tells that the chunk is the beginning of a part or of the
    /// body, where a delimiter needs no line end before it.
    pub(super) fn find(&self, chunk: &[u8], at_start: bool) -> (usize, Verdict) {
        let mut from = 0;
        if at_start {
            match self.judge(chunk) {
                Verdict::Data(length) => from = length,
                verdict => return (0, verdict),
            }
        }
        while let Some(found) = self.finder.find(&chunk[from..]) {
            let start = self.with_return(chunk, from + found);
            match self.judge(&chunk[start..]) {
                Verdict::Data(length) => from = start + length,
                verdict => return (start, verdict),
            }
        }
        let start = self.undecided_end(chunk, from);
        if start < chunk.len() {
            (start, Verdict::Undecided)
        } else {
            (start, Verdict::Data(start))
        }
    }

    /// Where the beginning of a delimiter stands that `chunk` cuts off; its
    /// length if there is none.
    fn undecided_end(&self, chunk: &[u8], from: usize) -> usize {
        let from = from.max(chunk.len().saturating_sub(self.finder.needle().len()));
        if let Some(found) = memrchr(b'\n', &chunk[from..]) {
            let start = self.with_return(chunk, from + found);
            if self.judge(&chunk[start..]) == Verdict::Undecided {
                return start;
            }
        }
        chunk.len() - usize::from(!self.bare && chunk.ends_with(b"\r"))
    }

    /// Includes the CR before the LF at `line_feed`, if it belongs to it.
    fn with_return(&self, chunk: &[u8], line_feed: usize) -> usize {
        line_feed - usize::from(!self.bare && chunk[..line_feed].ends_with(b"\r"))
    }

    /// Judges bytes at the start of a line or, with it, at the line end before.
    pub(super) fn judge(&self, bytes: &[u8]) -> Verdict {
        let line_end = match bytes {
            [b'\r', ..] if self.bare => return Verdict::Data(1),
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [b'\r'] => return Verdict::Undecided,
            [b'\r', ..] => return Verdict::Data(1),
            _ => 0,
        };
        let line = &bytes[line_end..];
        let wanted = &self.finder.needle()[1..];
        let equal = line.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        let at = line_end + equal;
        if equal < wanted.len() {
            return if at == bytes.len() { Verdict::Undecided } else { Verdict::Data(at) };
        }
        let (at, next) = match &bytes[at..] {
            [] | [b'-'] => return Verdict::Undecided,
            [b'-', b'-', ..] => (at + 2, Next::Nothing),
            [b'-', ..] => return Verdict::Data(at + 1),
            _ => (at, Next::Part),
        };
        let at = at + padding(&bytes[at..]);
        match &bytes[at..] {
            [] | [b'\r'] => Verdict::Undecided,
            [b'\n', ..] => Verdict::Delimiter(at + 1, next),
            [b'\r', b'\n', ..] => Verdict::Delimiter(at + 2, next),
            [b'\r', ..] => Verdict::Data(at + 1),
            _ => Verdict::Data(at),
        }
    }

    /// Judges the last bytes of a body, which [`Self::judge`] left undecided.
    ///
    /// A CRLF that ends the body belongs to a delimiter that was not sent, a
    /// bare LF to the data (`protocol.md` 2 (D11)).
    pub(super) fn judge_at_end(&self, bytes: &[u8]) -> Verdict {
        if bytes == b"\r\n" || self.is_one(bytes) {
            Verdict::Delimiter(bytes.len(), Next::Nothing)
        } else {
            Verdict::Data(bytes.len())
        }
    }

    /// What follows a line, given without its end, if it is a delimiter.
    pub(super) fn line(&self, line: &[u8]) -> Option<Next> {
        let rest = line.strip_prefix(&self.finder.needle()[1..])?;
        let (rest, next) = match rest.strip_prefix(b"--") {
            Some(rest) => (rest, Next::Nothing),
            None => (rest, Next::Part),
        };
        (padding(rest) == rest.len()).then_some(next)
    }

    /// No delimiter is longer, in bytes; what is as long is decided.
    pub(super) fn longest(&self) -> usize {
        "\r\n".len() + self.finder.needle()[1..].len() + "--".len() + PADDING + "\r\n".len()
    }
}

/// The number of blanks at the beginning, [`PADDING`] at most.
fn padding(bytes: &[u8]) -> usize {
    bytes.iter().take(PADDING).take_while(|&&byte| matches!(byte, b' ' | b'\t')).count()
}

/// How many blanks may follow the boundary. RFC 2046 sets no limit, but a body
/// of nothing but blanks must not pile up in memory.
const PADDING: usize = 128;
