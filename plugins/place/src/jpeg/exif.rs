//! EXIF (CIPA DC-008, TIFF 6.0): what listed tags say is read and written anew.
//! No directory, pointer, maker note or thumbnail of the file leaves.
//!
//! Blocks are found as exiftool finds them, which is more lenient than any
//! other reader: what others see, is seen here. Our own reader, because those
//! that exist give up on directories which we do not want in the first place.

mod block;
mod tags;

use std::collections::BTreeMap;

use crate::Refused;
use block::{Block, Value};
use tags::{Directory, TAGS, Tag};

/// Name of the segment, and a byte behind it that should be zero.
const NAME: &[u8] = b"Exif\0";
const HEADER: usize = 6;
/// Bytes of all blocks.
const LARGEST: usize = 2 << 20;

/// The EXIF blocks of a picture.
#[derive(Default)]
pub struct Exif {
    blocks: Vec<Vec<u8>>,
    size: usize,
    /// The next segment may go on with the last block.
    pub may_go_on: bool,
}

impl Exif {
    /// Takes an APP1 segment with this content, if it has EXIF. `follows` if
    /// the segment before had, too.
    pub fn segment(&mut self, content: &[u8], follows: bool) -> Result<(), Refused> {
        // Some have up to four bytes before the name; case is as it comes.
        let place = (0..=4).rev().find(|place| {
            content.get(*place..place + NAME.len()).is_some_and(|n| n.eq_ignore_ascii_case(NAME))
        });
        let Some(place) = place else { return Ok(()) };
        let block = content.get(place + HEADER..).unwrap_or_default();
        self.size += block.len();
        if self.size > LARGEST {
            return Err(Refused::because("its EXIF data are too large"));
        }
        let goes_on = follows && content.starts_with(b"Exif\0\0") && !block::is_start(block);
        match self.blocks.last_mut().filter(|_| goes_on) {
            Some(last) => last.extend(block),
            None => self.blocks.push(block.to_vec()),
        }
        self.may_go_on = true;
        Ok(())
    }

    /// A new segment's content with the listed tags, none without any. `other`
    /// is a block from elsewhere, which the file's own come before.
    ///
    /// # Errors
    /// A tag by which a picture is turned, dated or attributed says what it
    /// cannot say.
    pub fn written(&self, other: Option<&[u8]>) -> Result<Option<Vec<u8>>, Refused> {
        let mut found: BTreeMap<(Directory, u16), Value> = BTreeMap::new();
        for bytes in self.blocks.iter().map(Vec::as_slice).chain(other) {
            let Some(block) = Block::new(bytes) else { continue };
            for (directory, number, value) in block.values() {
                let Some(tag) = tag(directory, number) else { continue };
                match tag.form.value(&value) {
                    Some(value) => {
                        // Where two blocks contradict, the first is believed.
                        found.entry((directory, number)).or_insert(value);
                    }
                    None if tag.is_needed => {
                        return Err(Refused::because(format!("its {} is damaged", tag.name)));
                    }
                    None => {}
                }
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        Ok(Some([b"Exif\0\0", &block::write(&found)[..]].concat()))
    }
}

fn tag(directory: Directory, number: u16) -> Option<&'static Tag> {
    TAGS.iter().find(|tag| tag.directory == directory && tag.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Little-endian: make, orientation, a pointer to GPS data, a date.
    fn block(orientation: u8) -> Vec<u8> {
        let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
            [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
        };
        let mut bytes = b"II*\0\x08\0\0\0\x04\0".to_vec();
        bytes.extend(entry(0x10f, 2, 3, *b"NX\0\0"));
        bytes.extend(entry(0x112, 3, 1, [orientation, 0, 0, 0]));
        bytes.extend(entry(0x8825, 4, 1, [62, 0, 0, 0]));
        bytes.extend(entry(0x132, 2, 20, [80, 0, 0, 0]));
        bytes.resize(62, 0);
        bytes.extend([1, 0]);
        bytes.extend(entry(1, 2, 2, *b"N\0\0\0"));
        bytes.resize(80, 0);
        bytes.extend(b"2014:05:06 07:08:09\0");
        bytes
    }

    fn written(segments: &[&[u8]]) -> Result<Option<Vec<u8>>, Refused> {
        let mut exif = Exif::default();
        for segment in segments {
            let follows = std::mem::take(&mut exif.may_go_on);
            exif.segment(segment, follows).unwrap();
        }
        exif.written(None)
    }

    #[test]
    fn listed_tags_are_written_anew_however_the_block_is_named() {
        for head in [&b"Exif\0\0"[..], b"exif\0\0", b"Exif\0\xff", b"\xff\xe1\x10\0Exif\0\0"] {
            let segment = [head, &block(6)].concat();
            let written = written(&[&segment]).unwrap().unwrap();
            let block = Block::new(&written[6..]).unwrap();
            let numbers: Vec<u16> = block.values().map(|(_, number, _)| number).collect();
            assert_eq!(numbers, [0x10f, 0x112, 0x132], "{head:?}");
            assert!(written.windows(19).any(|text| text == b"2014:05:06 07:08:09"));
            assert!(!written.windows(2).any(|tag| tag == [0x25, 0x88]));
        }
    }

    #[test]
    fn a_block_goes_on_in_the_next_segment() {
        let bytes = block(6);
        let (first, second) = bytes.split_at(78);
        let [first, second] = [first, second].map(|part| [b"Exif\0\0", part].concat());
        let whole = written(&[&first, &second]).unwrap().unwrap();
        assert!(whole.windows(19).any(|text| text == b"2014:05:06 07:08:09"));
    }

    #[test]
    fn an_orientation_that_is_none_refuses_the_picture() {
        assert!(written(&[&[b"Exif\0\0", &block(77)[..]].concat()]).is_err());
        assert_eq!(written(&[b"Exif\0\0garbage"]).unwrap(), None);
        assert_eq!(written(&[b"http://ns.adobe.com/xap/1.0/\0<x/>"]).unwrap(), None);
    }
}
