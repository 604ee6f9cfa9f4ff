//! A streaming reader of the multipart bodies cameras send.
//!
//! Off-the-shelf readers fail on them: the closing boundary is missing, one
//! part calls itself multipart again, header and parameter names come in odd
//! case (`protocol.md` 2, D7-D11, D23, D24). A wrong guess here costs a photo
//! while the camera reports success, so the rule is: whatever is not surely a
//! delimiter is data, and data comes out byte for byte.
//!
//! Never more is held than one chunk of the source, one delimiter and the
//! headers of one part, whatever the body looks like.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memchr2;
use thiserror::Error;

use self::delimiter::{Delimiter, Next, Verdict};
pub use self::headers::{Part, boundary};
pub use self::parameters::parameter;

mod delimiter;
mod headers;
mod parameters;
mod words;

/// The source of a body, chunk by chunk.
pub trait Chunks: Send {
    /// Why the source failed before the end of the body.
    type Error;

    /// The next chunk in any size, `None` when the body has ended properly.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Self::Error>> + Send;

    /// What stands behind that end, asked for when the parts are not whole
    /// there: a camera may have counted too little. `None` if nothing does.
    fn more(
        &mut self,
        _lacks: Lacks,
    ) -> impl Future<Output = Result<Option<Bytes>, Self::Error>> + Send {
        async { Ok(None) }
    }
}

/// What a body lacks at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// Only the headers of another part could follow.
    Nothing,
    /// The delimiter behind a part.
    Delimiter,
}

/// Reads the parts of a multipart body one after the other.
///
/// After an error there is no way to go on; another call may answer anything.
pub struct Multipart<S> {
    source: S,
    delimiter: Delimiter,
    /// What was received and not yet looked at, or not yet handed out.
    chunk: Bytes,
    /// The beginning of what may turn out a delimiter; it stands before
    /// `chunk` and is bounded by [`Delimiter::longest`].
    held: BytesMut,
    /// Whether the source has answered `None`.
    ended: bool,
    position: Position,
    parts: usize,
    /// Whether some of the headers of a part has come, and no more of it.
    in_headers: bool,
    /// What names are encoded in, if they do not tell.
    charset: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// In the preamble or in a part. At its very start a delimiter needs no
    /// line end before it.
    Content { at_start: bool },
    /// Behind the line of a delimiter that opens a part.
    Headers,
    /// Behind the last part.
    End,
}

/// Why a multipart body cannot be read on.
#[derive(Debug, Error)]
pub enum MultipartError<E> {
    /// The source failed: the connection broke, or a limit of the caller is
    /// exceeded. What was handed out of the part is incomplete.
    #[error("cannot read the body")]
    Source(#[source] E),
    /// The headers of one part exceed [`HEADERS`]; captured ones take about 100
    /// bytes. Either the body is hostile, or the empty line before a file lacks.
    #[error("the headers of a part exceed {HEADERS} bytes")]
    Headers,
    /// The body has more than [`PARTS`] parts, far more files than a camera lets
    /// one choose for an e-mail: it is hostile.
    #[error("the body has more than {PARTS} parts")]
    Parts,
    /// No delimiter within the first [`PREAMBLE`] bytes: the body is not
    /// multipart, or its boundary is another than the header of the request
    /// says. A dump of the request shows which.
    #[error("no delimiter in the first {PREAMBLE} bytes of the body")]
    Preamble,
}

/// The most the headers of one part may take, in bytes.
pub const HEADERS: usize = 16 * 1024;

/// The most parts a body may have.
pub const PARTS: usize = 1000;

/// The most that may stand before the first delimiter, in bytes.
pub const PREAMBLE: usize = 64 * 1024;

impl<S: Chunks> Multipart<S> {
    /// A reader of the body that `source` delivers.
    ///
    /// `boundary` is what [`boundary()`] returns, without the two dashes that
    /// lead it in the body.
    pub fn new(boundary: &str, source: S) -> Self {
        Self {
            source,
            delimiter: Delimiter::new(boundary),
            chunk: Bytes::new(),
            held: BytesMut::new(),
            ended: false,
            position: Position::Content { at_start: true },
            parts: 0,
            in_headers: false,
            charset: None,
        }
    }

    /// From now on names are taken for `charset` where they do not tell
    /// themselves.
    pub fn expect_charset(&mut self, charset: &'static str) {
        self.charset = Some(charset);
    }

    /// Goes to the next part, skipping what is left of the one before.
    ///
    /// `None` after the last part; an epilogue is not read. A part whose headers
    /// run into the end of the body or into the next delimiter is none.
    ///
    /// # Errors
    ///
    /// Every [`MultipartError`].
    pub async fn next_part(&mut self) -> Result<Option<Part>, MultipartError<S::Error>> {
        loop {
            self.skip_content().await?;
            if self.position == Position::End {
                return Ok(None);
            }
            let Some(headers) = self.read_headers().await? else {
                continue;
            };
            self.parts += 1;
            if self.parts > PARTS {
                return Err(MultipartError::Parts);
            }
            return Ok(Some(Part::parse(&headers, self.charset)));
        }
    }

    /// The next bytes of the current part, `None` at its end and before the
    /// first part. A chunk is never empty.
    ///
    /// # Errors
    ///
    /// Only [`MultipartError::Source`].
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, MultipartError<S::Error>> {
        if self.parts == 0 {
            return Ok(None);
        }
        self.next_content().await
    }

    /// Goes behind the next delimiter.
    async fn skip_content(&mut self) -> Result<(), MultipartError<S::Error>> {
        let mut skipped = 0;
        while let Some(content) = self.next_content().await? {
            skipped += content.len();
            if self.parts == 0 && skipped > PREAMBLE {
                return Err(MultipartError::Preamble);
            }
        }
        Ok(())
    }

    /// The next bytes of the preamble or the part; at their end moves on to
    /// the next [`Position`].
    async fn next_content(&mut self) -> Result<Option<Bytes>, MultipartError<S::Error>> {
        while let Position::Content { at_start } = self.position {
            if self.chunk.is_empty() && !self.ended {
                self.fill().await?;
                continue;
            }
            let found = if self.held.is_empty() { self.scan(at_start) } else { self.decide() };
            if found.is_none() {
                continue;
            }
            if matches!(self.position, Position::Content { .. }) {
                self.position = Position::Content { at_start: false };
            }
            return Ok(found);
        }
        Ok(None)
    }

    /// Looks through the chunk: the usual case, which copies nothing but the
    /// beginning of a delimiter at its end.
    fn scan(&mut self, at_start: bool) -> Option<Bytes> {
        if self.chunk.is_empty() {
            self.position = Position::End;
            return None;
        }
        let (length, verdict) = self.delimiter.find(&self.chunk, at_start);
        let content = self.chunk.split_to(length);
        match verdict {
            Verdict::Data(_) => {}
            Verdict::Undecided => {
                self.held.extend_from_slice(&self.chunk);
                self.chunk.clear();
            }
            Verdict::Delimiter(delimiter, next) => {
                self.delimiter.learn(&self.chunk[..delimiter]);
                self.chunk.advance(delimiter);
                self.position = next.into();
            }
        }
        (!content.is_empty()).then_some(content)
    }

    /// Decides about the held bytes with the help of the chunk, of which no
    /// more is copied than a delimiter can be long.
    fn decide(&mut self) -> Option<Bytes> {
        // What is undecided is shorter than the longest delimiter, and no later
        // verdict is about fewer bytes, so neither subtraction below underflows.
        let before = self.held.len();
        let more = self.chunk.len().min(self.delimiter.longest() - before);
        self.held.extend_from_slice(&self.chunk[..more]);
        let verdict = if self.ended {
            self.delimiter.judge_at_end(&self.held)
        } else {
            self.delimiter.judge(&self.held)
        };
        match verdict {
            Verdict::Undecided => {
                self.chunk.advance(more);
                None
            }
            Verdict::Data(length) => {
                self.chunk.advance(length - before);
                self.held.truncate(length);
                Some(self.held.split().freeze())
            }
            Verdict::Delimiter(length, next) => {
                self.chunk.advance(length - before);
                self.delimiter.learn(&self.held[..length]);
                self.held.clear();
                self.position = next.into();
                None
            }
        }
    }

    /// The headers of a part, one per line, ended by LF, unfolded; `None` if a
    /// delimiter or the end of the body comes before the empty line.
    async fn read_headers(&mut self) -> Result<Option<Vec<u8>>, MultipartError<S::Error>> {
        let mut headers = Vec::new();
        self.in_headers = false;
        loop {
            let start = headers.len();
            if !self.read_line(&mut headers).await? {
                self.position = Position::End;
                return Ok(None);
            }
            let line = &headers[start..];
            if let Some(next) = self.delimiter.line(line) {
                self.position = next.into();
                return Ok(None);
            }
            match line.first() {
                None => {
                    self.position = Position::Content { at_start: true };
                    return Ok(Some(headers));
                }
                Some(b' ' | b'\t') if start > 0 => headers[start - 1] = b' ',
                Some(_) => {}
            }
            headers.push(b'\n');
        }
    }

    /// Appends the next line without its end; whether there was one before the
    /// body ended. A lone CR ends a line too (`protocol.md` 2 (D23)).
    async fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool, MultipartError<S::Error>> {
        loop {
            if !self.fill().await? {
                return Ok(false);
            }
            let end = memchr2(b'\r', b'\n', &self.chunk);
            let length = end.unwrap_or(self.chunk.len());
            if line.len() + length > HEADERS {
                return Err(MultipartError::Headers);
            }
            line.extend_from_slice(&self.chunk[..length]);
            self.chunk.advance(length);
            self.in_headers = true;
            if end.is_some() {
                break;
            }
        }
        let is_return = self.chunk.get_u8() == b'\r';
        if is_return && self.fill().await? && self.chunk.starts_with(b"\n") {
            self.chunk.advance(1);
        }
        Ok(true)
    }

    /// Makes sure that the chunk is not empty; whether there is any byte left.
    async fn fill(&mut self) -> Result<bool, MultipartError<S::Error>> {
        while self.chunk.is_empty() && !self.ended {
            match self.source.next().await.map_err(MultipartError::Source)? {
                Some(chunk) => self.chunk = chunk,
                None => {
                    let more = self.source.more(self.lacks()).await;
                    match more.map_err(MultipartError::Source)? {
                        Some(chunk) => self.chunk = chunk,
                        None => self.ended = true,
                    }
                }
            }
        }
        Ok(!self.chunk.is_empty())
    }

    /// What the body lacks if it ends here.
    fn lacks(&self) -> Lacks {
        let is_whole = match self.position {
            Position::Content { .. } => self.delimiter.is_one(&self.held),
            Position::Headers => !self.in_headers,
            Position::End => true,
        };
        if is_whole { Lacks::Nothing } else { Lacks::Delimiter }
    }
}

impl From<Next> for Position {
    fn from(next: Next) -> Self {
        match next {
            Next::Part => Self::Headers,
            Next::Nothing => Self::End,
        }
    }
}

#[cfg(test)]
mod tests;
