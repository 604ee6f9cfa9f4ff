//! Removes the place where a picture was taken: the GPS data of JPEG and MP4
//! files. Nothing is re-encoded and nothing moves: the places' bytes are
//! overwritten where they stand, every other byte stays what it is.

use std::fs::File;
use std::io::{self, Read, Seek};

mod jpeg;
mod mp4;
mod xmp;

/// Bytes of all patches of one file; metadata is far smaller.
const LARGEST: usize = 4 << 20;

/// Bytes that replace as many others.
#[derive(Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where the first of them stands.
    pub offset: u64,
    /// The new bytes.
    pub bytes: Vec<u8>,
}

impl Patch {
    /// Where the first byte behind them stands.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// The patches, in order and apart, that take the place out of the file at
/// `path`; none for files of other kinds. Which kind it is tell its first
/// bytes: cameras call a video a picture.
///
/// # Errors
/// The file cannot be read, or has more to replace than fits in memory.
pub fn patches(path: &str) -> io::Result<Vec<Patch>> {
    let mut file = File::open(path)?;
    let head = read_exact(&mut file, 8)?.unwrap_or_default();
    file.rewind()?;
    match (head.get(..2), head.get(4..)) {
        (Some(b"\xff\xd8"), _) => jpeg::patches(file),
        // The first box of an MP4, and those of QuickTime before it had one.
        (_, Some(b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip")) => mp4::patches(file),
        _ => Ok(Vec::new()),
    }
}

fn check(patches: &[Patch]) -> io::Result<()> {
    if patches.iter().map(|patch| patch.bytes.len()).sum::<usize>() > LARGEST {
        return Err(io::Error::other("its metadata is too large to remove the place from"));
    }
    Ok(())
}

/// Reads exactly `length` bytes, none if the file ends before.
fn read_exact(reader: &mut impl Read, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    Ok((bytes.len() == length).then_some(bytes))
}

fn skip(reader: &mut impl Seek, length: u64) -> io::Result<()> {
    reader.seek_relative(i64::try_from(length).map_err(io::Error::other)?)
}
