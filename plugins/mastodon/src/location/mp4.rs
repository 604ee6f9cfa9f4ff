//! GPS data in MP4 and QuickTime files: user data `©xyz` and `loci`, Apple's
//! keyed metadata, XMP. A box with a place becomes a `free` box of the same
//! length, which every reader skips; so no offset in the file changes.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::{Patch, check, read_exact, xmp};

/// Bytes of a box that is read whole; places are far smaller.
const LARGEST: u64 = 1 << 20;
/// Boxes in boxes.
const DEEPEST: usize = 8;
/// Boxes looked at; a file of a camera has some dozens.
const MOST: usize = 10_000;

const XMP: [u8; 16] = [
    0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
];

pub(super) fn patches(mut file: impl Read + Seek) -> io::Result<Vec<Patch>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut search = Search { file: BufReader::new(file), patches: Vec::new(), boxes: 0 };
    search.boxes(0, end, &Inside::File, 0)?;
    check(&search.patches)?;
    search.patches.sort_by_key(|patch| patch.offset);
    Ok(search.patches)
}

/// What the boxes that are being read lie in.
enum Inside {
    File,
    Movie,
    UserData,
    /// `meta`; the numbers of its keys that name a place.
    Metadata,
    /// `ilst` with these keys.
    List(Vec<u32>),
}

struct Search<R: Read + Seek> {
    file: BufReader<R>,
    patches: Vec<Patch>,
    boxes: usize,
}

impl<R: Read + Seek> Search<R> {
    fn boxes(&mut self, mut at: u64, end: u64, inside: &Inside, depth: usize) -> io::Result<()> {
        let mut keys = Vec::new();
        while at + 8 <= end && depth < DEEPEST {
            self.boxes += 1;
            if self.boxes > MOST {
                return Err(io::Error::other("it has too many boxes to find the place in"));
            }
            self.file.seek(SeekFrom::Start(at))?;
            let Some(head) = read_exact(&mut self.file, 8)? else { return Ok(()) };
            let (size, kind) = head.split_at(4);
            let (start, next) = match u32_of(size) {
                0 => (at + 8, end),
                1 => {
                    let Some(size) = read_exact(&mut self.file, 8)? else { return Ok(()) };
                    let size = u64::from(u32_of(&size[..4])) << 32 | u64::from(u32_of(&size[4..]));
                    (at + 16, at.saturating_add(size))
                }
                size => (at + 8, at + u64::from(size)),
            };
            if next < start || next > end {
                return Ok(());
            }
            match (inside, kind) {
                (Inside::File, b"moov") | (Inside::Movie, b"trak") => {
                    self.boxes(start, next, &Inside::Movie, depth + 1)?;
                }
                (Inside::File | Inside::Movie, b"udta") => {
                    self.boxes(start, next, &Inside::UserData, depth + 1)?;
                }
                (Inside::File | Inside::Movie | Inside::UserData, b"meta") => {
                    self.metadata(start, next, depth)?;
                }
                (Inside::Metadata, b"keys") => keys = self.places(start, next)?,
                (Inside::Metadata, b"ilst") => {
                    self.boxes(start, next, &Inside::List(keys.clone()), depth + 1)?;
                }
                (Inside::UserData | Inside::List(_), b"\xa9xyz" | b"loci") => {
                    self.free(at, start, next)?;
                }
                (Inside::List(places), kind) if places.contains(&u32_of(kind)) => {
                    self.free(at, start, next)?;
                }
                (Inside::File | Inside::Movie, b"uuid") => self.uuid(start, next)?,
                (Inside::UserData, b"XMP_") => self.xmp(start, next)?,
                _ => {}
            }
            at = next;
        }
        Ok(())
    }

    /// `meta` has four bytes before its boxes in MP4, none in QuickTime.
    fn metadata(&mut self, start: u64, end: u64, depth: usize) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(start))?;
        let Some(head) = read_exact(&mut self.file, 8)? else { return Ok(()) };
        let start = if &head[4..] == b"hdlr" { start } else { start + 4 };
        self.boxes(start, end, &Inside::Metadata, depth + 1)
    }

    /// The numbers of those keys that name a place.
    fn places(&mut self, start: u64, end: u64) -> io::Result<Vec<u32>> {
        let Some(content) = self.content(start, end)? else { return Ok(Vec::new()) };
        let mut places = Vec::new();
        let mut rest = content.get(8..).unwrap_or_default();
        let mut number = 1;
        while rest.len() >= 8 {
            let size = usize::try_from(u32_of(&rest[..4])).unwrap_or(usize::MAX);
            let Some(key) = rest.get(8..size) else { break };
            if key.to_ascii_lowercase().windows(8).any(|word| word == b"location") {
                places.push(number);
            }
            number += 1;
            rest = &rest[size..];
        }
        Ok(places)
    }

    fn free(&mut self, at: u64, start: u64, end: u64) -> io::Result<()> {
        if end - at > LARGEST {
            return Err(io::Error::other("its place is too large to be one"));
        }
        // The size before stays what it is.
        let mut bytes = vec![0; usize::try_from(end - at - 4).map_err(io::Error::other)?];
        bytes[..4].copy_from_slice(b"free");
        if start == at + 16 {
            bytes[4..12].copy_from_slice(&(end - at).to_be_bytes());
        }
        if self.content(at + 4, end)?.as_ref() != Some(&bytes) {
            self.patches.push(Patch { offset: at + 4, bytes });
        }
        Ok(())
    }

    fn uuid(&mut self, start: u64, end: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(start))?;
        match read_exact(&mut self.file, 16)? {
            Some(uuid) if uuid == XMP => self.xmp(start + 16, end),
            _ => Ok(()),
        }
    }

    fn xmp(&mut self, start: u64, end: u64) -> io::Result<()> {
        let Some(before) = self.content(start, end)? else { return Ok(()) };
        let mut bytes = before.clone();
        xmp::blank_gps(&mut bytes);
        if bytes != before {
            self.patches.push(Patch { offset: start, bytes });
        }
        Ok(())
    }

    fn content(&mut self, start: u64, end: u64) -> io::Result<Option<Vec<u8>>> {
        if end - start > LARGEST {
            return Err(io::Error::other("its metadata is too large to remove the place from"));
        }
        self.file.seek(SeekFrom::Start(start))?;
        read_exact(&mut self.file, usize::try_from(end - start).map_err(io::Error::other)?)
    }
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn container(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes(), &kind[..], content].concat()
    }

    fn file(user_data: &[u8]) -> Vec<u8> {
        let track = container(b"trak", &container(b"udta", &container(b"name", b"video")));
        let movie = [container(b"mvhd", &[7; 100]), container(b"udta", user_data), track].concat();
        [
            container(b"ftyp", b"mp42\0\0\0\0mp42isom"),
            container(b"mdat", b"\xa9xyz +48.8577+002.295/ is no box here"),
            container(b"moov", &movie),
        ]
        .concat()
    }

    fn patched(file: &[u8]) -> Vec<u8> {
        let mut bytes = file.to_vec();
        for patch in patches(Cursor::new(file)).unwrap() {
            bytes[patch.offset as usize..patch.end() as usize].copy_from_slice(&patch.bytes);
        }
        bytes
    }

    #[test]
    fn user_data_with_a_place_becomes_free_space() {
        let place = b"\0\x12\x15\xc7+48.8577+002.295/";
        let before = [
            container(b"\xa9mod", b"\0\x05\0\0NX300"),
            container(b"\xa9xyz", place),
            container(b"loci", b"\0\0\0\0\x15\xc7Paris\0\0\0\0\0"),
        ];
        let after = [before[0].clone(), container(b"free", &[0; 21]), container(b"free", &[0; 16])];
        assert_eq!(place.len(), 21);
        assert_eq!(patched(&file(&before.concat())), file(&after.concat()));
    }

    #[test]
    fn a_place_under_a_key_is_removed() {
        let key = |name: &[u8]| container(b"mdta", name);
        let keys = [
            &b"\0\0\0\0\0\0\0\x02"[..],
            &key(b"com.apple.quicktime.make"),
            &key(b"com.apple.quicktime.location.ISO6709"),
        ]
        .concat();
        let metadata = |second: Vec<u8>| {
            let list = [container(&[0, 0, 0, 1], b"SAMSUNG"), second].concat();
            let boxes = [
                container(b"hdlr", b"\0\0\0\0\0\0\0\0mdta"),
                container(b"keys", &keys),
                container(b"ilst", &list),
            ];
            container(b"meta", &[b"\0\0\0\0".to_vec(), boxes.concat()].concat())
        };
        let before = metadata(container(&[0, 0, 0, 2], b"+48.8577+002.295/"));
        let after = metadata(container(b"free", &[0; 17]));
        assert_eq!(patched(&file(&before)), file(&after));
    }

    #[test]
    fn a_file_without_place_stays_byte_for_byte() {
        let plain = file(&container(b"\xa9mod", b"\0\x05\0\0NX300"));
        assert_eq!(patches(Cursor::new(&plain)).unwrap(), []);
    }

    #[test]
    fn cut_files_do_no_harm() {
        let whole = file(&container(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.295/"));
        for length in 0..whole.len() {
            patches(Cursor::new(&whole[..length])).unwrap();
        }
    }
}
