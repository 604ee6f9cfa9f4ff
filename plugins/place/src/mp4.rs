//! MP4 and QuickTime videos (ISO/IEC 14496-12; QuickTime File Format).
//!
//! What playing needs stays where it stands, so that no offset in the file
//! changes: the boxes that are listed here, and of the media data exactly the
//! samples of picture and sound. Every other box becomes a `free` box of the
//! same length without content, every other byte of the media data a zero.
//! Tracks of other kinds (GPS, text, time codes) go with their samples.

mod boxes;
mod edits;
mod entry;
mod fragment;
mod movie;
mod nal;
mod samples;
mod table;
mod track;

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::Refused;
use crate::plan::Piece;
use crate::source::Source;
use boxes::Box;
use edits::Edits;
use samples::Samples;
use track::Track;

/// Boxes of a file. A video of ten hours in fragments of a second has some
/// hundred thousand.
const MOST: usize = 500_000;
/// Brands that a file says it is compatible with.
const BRANDS: u64 = 64;

/// Whether a file that begins with a box of this kind may be a video.
pub fn is_first(kind: &[u8; 4]) -> bool {
    const FIRST: [&[u8; 4]; 12] = [
        b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"uuid", b"pnot", b"PICT",
        b"junk", b"udta",
    ];
    FIRST.contains(&kind)
}

/// The pieces of the video without its place.
pub fn strip<R: Read + Seek>(source: &mut Source<R>) -> Result<Vec<Piece>, Refused> {
    let mut video = Video {
        source,
        edits: Edits::default(),
        samples: Samples::default(),
        messages: Vec::new(),
        messages_size: 0,
        tracks: BTreeMap::new(),
        boxes: 0,
    };
    video.file()
}

/// A video that is being read.
struct Video<'a, R> {
    source: &'a mut Source<R>,
    edits: Edits,
    samples: Samples,
    /// What changes in samples.
    messages: Vec<(u64, Piece)>,
    messages_size: usize,
    /// Tracks that stay, by their number.
    tracks: BTreeMap<u32, Track>,
    boxes: usize,
}

impl<R: Read + Seek> Video<'_, R> {
    fn file(&mut self) -> Result<Vec<Piece>, Refused> {
        let (mut at, length) = (0, self.source.length());
        let (mut movie, mut has_media) = (None, false);
        while at < length {
            let Some(found) = self.next(at, length)? else { break };
            match &found.kind {
                b"moov" if movie.is_some() => {
                    return Err(Refused::because("its video has two headers"));
                }
                b"moov" => movie = Some(found.clone()),
                b"mdat" => has_media = true,
                _ => {}
            }
            at = found.end;
        }
        let Some(movie) = movie.filter(|_| has_media) else {
            return Err(Refused::because("it has no video that can be read"));
        };
        // What is no box any more lies behind the video: nothing points there.
        let end = at;
        self.movie(&movie)?;
        if self.tracks.is_empty() {
            return Err(Refused::because("its video has neither picture nor sound"));
        }
        let mut media = Vec::new();
        let mut at = 0;
        while at < end {
            let Some(found) = self.next(at, end)? else { break };
            match &found.kind {
                b"ftyp" | b"styp" => self.brands(&found)?,
                b"moov" => {}
                b"mdat" => media.push(found.body..found.end),
                b"moof" => self.fragment(&found)?,
                _ => self.edits.free(&found),
            }
            at = found.end;
        }
        for unused in self.samples.unused(&media, self.edits.ranges(), end)? {
            self.edits.zero(unused);
        }
        self.edits.extend(std::mem::take(&mut self.messages));
        Ok(std::mem::take(&mut self.edits).pieces(end))
    }

    /// The box at `at`, none if there is none within `end`.
    fn next(&mut self, at: u64, end: u64) -> Result<Option<Box>, Refused> {
        self.boxes += 1;
        if self.boxes > 4 * MOST {
            return Err(Refused::because("its video has too many parts"));
        }
        let found = Box::at(self.source, at, end)?;
        if found.is_none() && at + 8 <= end {
            let kind: [u8; 4] = self.source.array(at + 4)?;
            if matches!(&kind, b"mdat" | b"moov" | b"moof" | b"ftyp") {
                return Err(Refused::because("its video is cut off"));
            }
        }
        Ok(found)
    }

    /// The boxes in a box whose content begins at `at`. Zeros may follow them.
    fn children(&mut self, parent: &Box, mut at: u64) -> Result<Vec<Box>, Refused> {
        let mut children = Vec::new();
        while at < parent.end {
            let Some(found) = Box::at(self.source, at, parent.end)?.filter(|found| !found.is_last)
            else {
                // QuickTime ends a list with zeros.
                let rest = usize::try_from(parent.end - at).unwrap_or(usize::MAX).min(4);
                if self.source.read(at, rest)?.iter().any(|byte| *byte != 0) {
                    return Err(parent.wrong());
                }
                self.edits.zero(at..parent.end);
                break;
            };
            at = found.end;
            self.boxes += 1;
            children.push(found);
            if self.boxes > 4 * MOST || children.len() > MOST {
                return Err(Refused::because("its video has too many parts"));
            }
        }
        Ok(children)
    }

    /// What a file says it is: names of four letters.
    fn brands(&mut self, found: &Box) -> Result<(), Refused> {
        let length = found.length();
        if !(8..=8 + 4 * BRANDS).contains(&length) || !length.is_multiple_of(4) {
            return Err(found.wrong());
        }
        let bytes = self.source.read(found.body, usize::try_from(length).unwrap_or(0))?;
        let is_brand = |brand: &[u8]| {
            brand.iter().all(|byte| *byte == 0)
                || brand.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _-.".contains(byte))
        };
        let names = bytes.chunks(4).enumerate().filter(|(index, _)| *index != 1);
        if !names.map(|(_, brand)| brand).all(is_brand) {
            return Err(found.wrong());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
