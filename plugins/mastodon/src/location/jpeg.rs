//! GPS data in JPEG files: the EXIF block's GPS directory, and XMP.
//!
//! A file may hold several pictures one after the other (multi-picture
//! formats, previews, the 3D pictures of an NX300); each has its own.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::{Patch, check, read_exact, skip, xmp};

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

pub(super) fn patches(file: impl Read + Seek) -> io::Result<Vec<Patch>> {
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut patches = Vec::new();
    while start_of_picture(&mut reader)? {
        picture(&mut reader, &mut patches)?;
        check(&patches)?;
    }
    Ok(patches)
}

/// Moves behind the next `FF D8 FF`, less its last byte.
fn start_of_picture(reader: &mut (impl BufRead + Seek)) -> io::Result<bool> {
    while skip_to_ff(reader)? {
        match next(reader)? {
            Some(0xd8) if reader.fill_buf()?.first() == Some(&0xff) => return Ok(true),
            Some(0xff) => skip_back(reader)?,
            Some(_) => {}
            None => break,
        }
    }
    Ok(false)
}

/// Reads the segments of one picture to its end, or to where it stops being
/// one.
fn picture(reader: &mut (impl BufRead + Seek), patches: &mut Vec<Patch>) -> io::Result<()> {
    loop {
        if next(reader)? != Some(0xff) {
            return Ok(());
        }
        let mut marker = next(reader)?;
        while marker == Some(0xff) {
            marker = next(reader)?;
        }
        match marker {
            None | Some(0xd9) => return Ok(()),
            Some(0x01 | 0xd0..=0xd8) => continue,
            Some(0) => return Ok(()),
            Some(marker) => {
                let Some(length) = read_exact(reader, 2)? else { return Ok(()) };
                let Some(length) = u16::from_be_bytes([length[0], length[1]]).checked_sub(2) else {
                    return Ok(());
                };
                match marker {
                    0xe1 => {
                        let offset = reader.stream_position()?;
                        let Some(before) = read_exact(reader, length.into())? else {
                            return Ok(());
                        };
                        let mut bytes = before.clone();
                        application_segment(&mut bytes);
                        if bytes != before {
                            patches.push(Patch { offset, bytes });
                        }
                    }
                    0xda => {
                        skip(reader, length.into())?;
                        skip_scan(reader)?;
                    }
                    _ => skip(reader, length.into())?,
                }
            }
        }
    }
}

fn application_segment(bytes: &mut [u8]) {
    if bytes.starts_with(EXIF) {
        // What cannot be read cannot be told to hold no place.
        if remove_gps(&mut bytes[EXIF.len()..]).is_none() {
            bytes.fill(0);
        }
    } else if bytes.starts_with(XMP) {
        xmp::blank_gps(&mut bytes[XMP.len()..]);
    } else if bytes.starts_with(XMP_EXTENSION) && bytes.windows(3).any(|word| word == b"GPS") {
        // A piece of a larger text; a property may go over its end.
        bytes.fill(0);
    }
}

/// Moves behind a scan's data, to the `FF` of the marker that ends it.
fn skip_scan(reader: &mut (impl BufRead + Seek)) -> io::Result<()> {
    while skip_to_ff(reader)? {
        match next(reader)? {
            // A byte FF of the data, and restart markers between its parts.
            Some(0 | 0xd0..=0xd7) => {}
            Some(0xff) => skip_back(reader)?,
            Some(_) => return reader.seek_relative(-2),
            None => break,
        }
    }
    Ok(())
}

/// Moves behind the next `FF`.
fn skip_to_ff(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        let length = buffer.len();
        if length == 0 {
            return Ok(false);
        }
        if let Some(place) = buffer.iter().position(|byte| *byte == 0xff) {
            reader.consume(place + 1);
            return Ok(true);
        }
        reader.consume(length);
    }
}

fn skip_back(reader: &mut impl Seek) -> io::Result<()> {
    reader.seek_relative(-1)
}

fn next(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    let byte = reader.fill_buf()?.first().copied();
    reader.consume(byte.is_some().into());
    Ok(byte)
}

/// Tag of the entry that points to the GPS directory.
const GPS: u16 = 0x8825;
/// Directories that are looked at; a file has two.
const DIRECTORIES: usize = 8;
/// Bytes of one directory entry.
const ENTRY: usize = 12;

/// Overwrites the GPS directory, its values, and the entry that leads to it.
/// None if this is no TIFF structure.
fn remove_gps(tiff: &mut [u8]) -> Option<()> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |tiff: &[u8], at: usize| -> Option<u16> {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |tiff: &[u8], at: usize| -> Option<usize> {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let value = if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    };
    let mut directory = u32_at(tiff, 4)?;
    for _ in 0..DIRECTORIES {
        if directory == 0 {
            return Some(());
        }
        let mut count = usize::from(u16_at(tiff, directory)?);
        let mut number = 0;
        while number < count {
            let entry = directory + 2 + number * ENTRY;
            if u16_at(tiff, entry)? != GPS {
                number += 1;
                continue;
            }
            let gps = u32_at(tiff, entry + 8)?;
            let values = usize::from(u16_at(tiff, gps)?);
            let end = gps + 2 + values * ENTRY;
            for value in (gps + 2..end).step_by(ENTRY) {
                let unit = match u16_at(tiff, value + 2)? {
                    1 | 2 | 6 | 7 => 1,
                    3 | 8 => 2,
                    5 | 10 | 12 => 8,
                    _ => 4,
                };
                let length = u32_at(tiff, value + 4)?.checked_mul(unit)?;
                if length > 4 {
                    let place = u32_at(tiff, value + 8)?;
                    tiff.get_mut(place..place.checked_add(length)?)?.fill(0);
                }
            }
            tiff.get_mut(gps..end)?.fill(0);
            // The entries behind and the pointer to the next directory move up.
            let last = directory + 2 + count * ENTRY + 4;
            tiff.get(..last)?;
            tiff.copy_within(entry + ENTRY..last, entry);
            tiff[last - ENTRY..last].fill(0);
            count -= 1;
            let written = u16::try_from(count).ok()?;
            let bytes = if little { written.to_le_bytes() } else { written.to_be_bytes() };
            tiff.get_mut(directory..directory + 2)?.copy_from_slice(&bytes);
        }
        directory = u32_at(tiff, directory + 2 + count * ENTRY)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Written by Pillow and piexif: EXIF with camera, thumbnail and GPS
    /// data, and XMP with both forms of a GPS property.
    const WITH_PLACE: &[u8] = include_bytes!("../../tests/place.jpg");
    /// The same without GPS data, written by the same program.
    const WITHOUT_PLACE: &[u8] = include_bytes!("../../tests/no-place.jpg");

    fn patched(file: &[u8]) -> Vec<u8> {
        let mut bytes = file.to_vec();
        let mut end = 0;
        for patch in patches(Cursor::new(file)).unwrap() {
            assert!(patch.offset >= end, "patches are in order and apart");
            end = patch.end();
            bytes[patch.offset as usize..end as usize].copy_from_slice(&patch.bytes);
        }
        bytes
    }

    fn holds(bytes: &[u8], word: &str) -> bool {
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    }

    #[test]
    fn the_place_is_gone_and_the_rest_is_there() {
        assert!(holds(WITH_PLACE, "GPSLatitude") && holds(WITH_PLACE, "2015:07:14"));
        let bytes = patched(WITH_PLACE);
        assert_eq!(bytes.len(), WITH_PLACE.len());
        // The date of the GPS receiver, written nowhere else.
        for word in ["GPS", "2015:07:14", "WGS-84"] {
            assert!(!holds(&bytes, word), "{word}");
        }
        for word in ["NX300", "xmp:Rating", "SAMSUNG"] {
            assert!(holds(&bytes, word), "{word}");
        }
        let scan = |file: &[u8]| {
            let start = file.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
            file[start..].to_vec()
        };
        assert_eq!(scan(&bytes), scan(WITH_PLACE));
        // Nothing is left to remove.
        assert_eq!(patched(&bytes), bytes);
    }

    #[test]
    fn a_file_without_place_stays_byte_for_byte() {
        assert_eq!(patches(Cursor::new(WITHOUT_PLACE)).unwrap(), []);
    }

    #[test]
    fn each_picture_of_a_file_is_treated() {
        let both = [WITH_PLACE, b"\0\0\xff\xff", WITH_PLACE].concat();
        assert!(!holds(&patched(&both), "2015:07:14"));
    }

    #[test]
    fn an_exif_block_that_cannot_be_read_is_blanked() {
        let mut broken = WITH_PLACE.to_vec();
        let exif = broken.windows(6).position(|word| word == EXIF).unwrap();
        broken[exif + 10..exif + 14].fill(0xee);
        let bytes = patched(&broken);
        assert!(!holds(&bytes, "2015:07:14") && !holds(&bytes, "NX300"));
    }

    #[test]
    fn cut_files_do_no_harm() {
        for length in 0..WITH_PLACE.len() {
            patches(Cursor::new(&WITH_PLACE[..length])).unwrap();
        }
    }
}
