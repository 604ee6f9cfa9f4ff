//! What leaves, in pieces: the file's own bytes by their place, new ones, and
//! zeros.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

/// A part of what leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of the file.
    File(Range<u64>),
    /// These bytes, which are new.
    New(Vec<u8>),
    /// As many zeros.
    Zeros(u64),
}

impl Piece {
    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        match self {
            Self::File(range) => range.end - range.start,
            Self::New(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
        }
    }
}

/// Writes what `pieces` say of `file`.
///
/// # Errors
/// Those of reading and of writing.
pub fn write(
    file: &mut (impl Read + Seek),
    pieces: &[Piece],
    out: &mut impl Write,
) -> io::Result<()> {
    for piece in pieces {
        let copied = match piece {
            Piece::File(range) => {
                file.seek(SeekFrom::Start(range.start))?;
                io::copy(&mut file.by_ref().take(piece.length()), out)?
            }
            Piece::New(bytes) => io::copy(&mut bytes.as_slice(), out)?,
            Piece::Zeros(length) => io::copy(&mut io::repeat(0).take(*length), out)?,
        };
        if copied != piece.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Adds a piece; neighbours in the file become one.
pub(crate) fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if piece.length() == 0 {
        return;
    }
    match (pieces.last_mut(), piece) {
        (Some(Piece::File(last)), Piece::File(next)) if last.end == next.start => {
            last.end = next.end;
        }
        (Some(Piece::Zeros(last)), Piece::Zeros(more)) => *last += more,
        (Some(Piece::New(last)), Piece::New(more)) => last.extend(more),
        (_, piece) => pieces.push(piece),
    }
}
