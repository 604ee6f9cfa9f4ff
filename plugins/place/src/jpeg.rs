//! JPEG pictures (ITU-T T.81). Markers are found where libjpeg finds them, so
//! that what a decoder sees and what is looked at here are the same.
//!
//! What leaves: the tables, frames and scans bit for bit, up to the end of the
//! first picture; JFIF's density and Adobe's transform, which decoders need for
//! the colours; the colour profile; and a new EXIF block of listed tags. Other
//! application segments, comments, what lies between segments and everything
//! behind the picture (previews, second pictures, videos) stay behind.

mod exif;
mod icc;
mod photoshop;
mod scan;
mod tables;

use std::io::{Read, Seek};
use std::ops::Range;

use crate::Refused;
use crate::plan::{Piece, push};
use crate::source::Source;
use exif::Exif;
use icc::Profile;
use photoshop::Resources;
use scan::Coding;

const TEM: u8 = 0x01;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DNL: u8 = 0xdc;
const COM: u8 = 0xfe;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const APP14: u8 = 0xee;

/// The pieces of the picture without its place.
pub fn strip<R: Read + Seek>(source: &mut Source<R>) -> Result<Vec<Piece>, Refused> {
    let mut picture = Picture::default();
    let mut at = 2;
    loop {
        let marker = next_marker(source, &mut at)?;
        match marker {
            // One without any scan is no picture, and tells nothing either; the
            // server that gets it says so.
            EOI => return picture.pieces(),
            // Without content, and without meaning here.
            TEM | 0xd0..=0xd7 => {}
            SOI => return Err(Refused::because("its JPEG begins twice")),
            // What the standard reserves stops decoders, too.
            0x02..=0xbf | 0xde | 0xdf | 0xf0..=0xfd => {
                return Err(Refused::because(format!("its JPEG has a marker {marker:02x}")));
            }
            _ => {
                let segment = segment(source, at)?;
                at = segment.end;
                picture.segment(source, marker, segment)?;
                if marker == SOS {
                    match picture.scan(source, at)? {
                        Some(marker) => at = marker,
                        None => return picture.pieces(),
                    }
                }
            }
        }
    }
}

/// The next marker from `at`, which moves behind it. What is no marker is
/// passed over, as libjpeg does.
fn next_marker<R: Read + Seek>(source: &mut Source<R>, at: &mut u64) -> Result<u8, Refused> {
    loop {
        *at = find_ff(source, *at)? + 1;
        let mut marker = source.byte(*at)?;
        while marker == 0xff {
            *at += 1;
            marker = source.byte(*at)?;
        }
        *at += 1;
        if marker != 0 {
            return Ok(marker);
        }
    }
}

/// Where the next byte FF is.
fn find_ff<R: Read + Seek>(source: &mut Source<R>, mut at: u64) -> Result<u64, Refused> {
    loop {
        let window = source.window(at)?;
        if window.is_empty() {
            return Err(Refused::because("its JPEG has no end"));
        }
        match window.iter().position(|byte| *byte == 0xff) {
            Some(place) => return Ok(at + place as u64),
            None => at += window.len() as u64,
        }
    }
}

/// The content of the segment whose length stands at `at`. A length that does
/// not count itself is none, as for libjpeg.
fn segment<R: Read + Seek>(source: &mut Source<R>, at: u64) -> Result<Range<u64>, Refused> {
    let length = u16::from_be_bytes(source.array(at)?).max(2);
    let end = at + u64::from(length);
    if end > source.length() {
        return Err(Refused::because("its JPEG is cut off"));
    }
    Ok(at + 2..end)
}

/// What is kept of a picture.
#[derive(Default)]
struct Picture {
    jfif: Option<Vec<u8>>,
    adobe: Option<Vec<u8>>,
    exif: Exif,
    photoshop: Resources,
    profile: Profile,
    /// Tables, frame and scans, in their order.
    body: Vec<Piece>,
    components: Option<u8>,
    coding: Coding,
    /// Header of the last scan.
    header: Vec<u8>,
    has_scan: bool,
}

impl Picture {
    fn segment<R: Read + Seek>(
        &mut self,
        source: &mut Source<R>,
        marker: u8,
        range: Range<u64>,
    ) -> Result<(), Refused> {
        let follows_exif = std::mem::take(&mut self.exif.may_go_on);
        // Lines are counted in the frame, too, and decoders take that.
        if matches!(marker, DNL | COM) {
            return Ok(());
        }
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let content = source.read(range.start, length)?;
        match marker {
            // What stands behind the first scan's beginning is read by nobody.
            0xe0..=0xef if self.has_scan => {}
            APP0 => self.jfif = jfif(&content).or(self.jfif.take()),
            APP14 => self.adobe = adobe(&content).or(self.adobe.take()),
            APP1 => self.exif.segment(&content, follows_exif)?,
            APP13 => self.photoshop.segment(&content)?,
            APP2 => self.profile.segment(&content, range.start)?,
            0xe3..=0xec | 0xef => {}
            _ => {
                let known = tables::check(marker, &content, &mut self.components)?;
                if known == tables::Known::Scan {
                    self.has_scan = true;
                    self.header.clone_from(&content);
                }
                self.coding.segment(marker, &content);
                push(&mut self.body, Piece::New(vec![0xff, marker]));
                push(&mut self.body, Piece::File(range.start - 2..range.end));
            }
        }
        Ok(())
    }

    /// Takes the data of a scan; returns where the marker is that ends it. None
    /// if only the file ends, behind all of the picture.
    fn scan<R: Read + Seek>(
        &mut self,
        source: &mut Source<R>,
        from: u64,
    ) -> Result<Option<u64>, Refused> {
        let mut at = from;
        loop {
            let marker = match find_ff(source, at) {
                Ok(found) => {
                    at = found;
                    source.byte(at + 1)
                }
                Err(refused) => Err(refused),
            };
            let marker = match marker {
                Ok(marker) => marker,
                Err(refused) => {
                    let all = from..source.length();
                    let end = self.coding.end(source, &self.header, all).ok_or(refused)?;
                    push(&mut self.body, Piece::File(from..end));
                    return Ok(None);
                }
            };
            match marker {
                // A byte FF of the data, and restart markers between its parts.
                0 | 0xd0..=0xd7 => at += 2,
                0xff => at += 1,
                // Some decoders pass over it, others end here.
                marker @ 0x01..=0xbf => {
                    let why = format!("its JPEG has a marker {marker:02x} in its data");
                    return Err(Refused::because(why));
                }
                _ => break,
            }
        }
        let end = self.coding.end(source, &self.header, from..at).unwrap_or(at);
        push(&mut self.body, Piece::File(from..end));
        Ok(Some(at))
    }

    fn pieces(self) -> Result<Vec<Piece>, Refused> {
        let mut pieces = vec![Piece::New(vec![0xff, SOI])];
        let exif = self.exif.written(self.photoshop.exif())?;
        for (marker, content) in [(APP0, self.jfif), (APP1, exif), (APP14, self.adobe)] {
            let Some(content) = content else { continue };
            // Each is far below what a segment takes.
            let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
            let head = [&[0xff, marker][..], &length.to_be_bytes()].concat();
            push(&mut pieces, Piece::New([head, content].concat()));
        }
        for range in self.profile.checked()? {
            push(&mut pieces, Piece::New(vec![0xff, APP2]));
            push(&mut pieces, Piece::File(range.start - 2..range.end));
        }
        for piece in self.body {
            push(&mut pieces, piece);
        }
        push(&mut pieces, Piece::New(vec![0xff, EOI]));
        Ok(pieces)
    }
}

/// JFIF's version and density, without its thumbnail.
fn jfif(content: &[u8]) -> Option<Vec<u8>> {
    let head = content.get(..14).filter(|head| head.starts_with(b"JFIF\0"))?;
    let mut kept = head.to_vec();
    kept[12..].fill(0);
    Some(kept)
}

/// Adobe's version, flags and colour transform.
fn adobe(content: &[u8]) -> Option<Vec<u8>> {
    content.get(..12).filter(|head| head.starts_with(b"Adobe")).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::plan::write;

    const PHOTO: &[u8] = include_bytes!("../../../tests/data/photo.jpg");

    fn stripped(file: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut out = Vec::new();
        write(&mut Cursor::new(file), &crate::strip(Cursor::new(file))?, &mut out)?;
        Ok(out)
    }

    /// The photo with `piece` before the last marker.
    fn with(piece: &[u8]) -> Vec<u8> {
        let (before, end) = PHOTO.split_at(PHOTO.len() - 2);
        assert_eq!(end, [0xff, EOI]);
        [before, piece, end].concat()
    }

    #[test]
    fn what_lies_behind_the_data_of_a_scan_stays_behind() {
        let clean = stripped(PHOTO).unwrap();
        assert!(clean.ends_with(&PHOTO[PHOTO.len() - 200..]));
        for piece in [&b"PARIS 48.8577"[..], b"\0\0", b"\xff\xfe\0\x07PARIS", b"\xff\xd0junk"] {
            assert_eq!(stripped(&with(piece)).unwrap(), clean, "{piece:?}");
        }
        assert_eq!(stripped(&[PHOTO, b"PARIS", PHOTO].concat()).unwrap(), clean);
        assert_eq!(stripped(&clean).unwrap(), clean);
    }

    #[test]
    fn a_picture_that_is_whole_needs_no_end() {
        let clean = stripped(PHOTO).unwrap();
        let open = &PHOTO[..PHOTO.len() - 2];
        assert_eq!(stripped(open).unwrap(), clean);
        assert_eq!(stripped(&[open, b" of a trailer\xff"].concat()).unwrap(), clean);
        assert!(stripped(&open[..open.len() - 20]).is_err());
    }

    #[test]
    fn cut_pictures_are_refused() {
        for length in (0..1500).chain((1500..PHOTO.len() - 20).step_by(499)) {
            assert!(stripped(&PHOTO[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn markers_that_nobody_knows_refuse_a_picture() {
        for marker in [0x02, 0xc3, 0xc8, 0xd8, 0xf7] {
            let file = [b"\xff\xd8\xff", &[marker][..], b"\0\x05abc", &PHOTO[2..]].concat();
            assert!(stripped(&file).is_err(), "{marker:02x}");
        }
    }
}
