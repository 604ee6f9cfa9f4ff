//! The colour profile (ICC.1:2022, 7 and annex B.4), which may lie in several
//! segments. It is kept as it is, or the picture is refused: without its
//! profile it has other colours.

use std::ops::Range;

use crate::Refused;

const NAME: &[u8] = b"ICC_PROFILE\0";
/// Bytes of a profile that is looked at; those of cameras have some thousands.
const LARGEST: usize = 4 << 20;
/// Bytes before the table of tags.
const HEADER: usize = 128;

/// Types of a profile's values: curves, tables, numbers, and names of colours.
/// What applications add for themselves is not among them.
const TYPES: [&[u8; 4]; 27] = [
    b"XYZ ", b"chrm", b"cicp", b"clrt", b"crdi", b"curv", b"desc", b"dtim", b"mAB ", b"mBA ",
    b"meas", b"mft1", b"mft2", b"mluc", b"mmod", b"ncl2", b"ndin", b"para", b"sf32", b"sig ",
    b"text", b"uf32", b"ui08", b"ui16", b"ui32", b"vcgt", b"view",
];

/// The segments of a profile.
#[derive(Default)]
pub struct Profile {
    segments: Vec<Segment>,
    size: usize,
}

struct Segment {
    number: u8,
    count: u8,
    /// Where the content lies in the file.
    range: Range<u64>,
    bytes: Vec<u8>,
}

impl Profile {
    /// Takes an APP2 segment with this content, if it is a part of a profile.
    pub fn segment(&mut self, content: &[u8], at: u64) -> Result<(), Refused> {
        let Some([number, count, bytes @ ..]) = content.strip_prefix(NAME) else { return Ok(()) };
        self.size += bytes.len();
        if self.size > LARGEST {
            return Err(Refused::because("its colour profile is too large"));
        }
        self.segments.push(Segment {
            number: *number,
            count: *count,
            range: at..at + content.len() as u64,
            bytes: bytes.to_vec(),
        });
        Ok(())
    }

    /// Where the contents of its segments lie, in their order.
    pub fn checked(mut self) -> Result<Vec<Range<u64>>, Refused> {
        if self.segments.is_empty() {
            return Ok(Vec::new());
        }
        self.segments.sort_by_key(|segment| segment.number);
        let count = self.segments.len();
        let is_whole = self.segments.iter().enumerate().all(|(index, segment)| {
            usize::from(segment.number) == index + 1 && usize::from(segment.count) == count
        });
        let bytes: Vec<u8> =
            self.segments.iter().flat_map(|segment| segment.bytes.iter().copied()).collect();
        if !is_whole || !is_profile(&bytes) {
            return Err(Refused::because("its colour profile is damaged"));
        }
        Ok(self.segments.into_iter().map(|segment| segment.range).collect())
    }
}

/// Whether this is a profile, and nothing else.
fn is_profile(bytes: &[u8]) -> bool {
    parts(bytes).is_some_and(|mut parts| {
        parts.sort_by_key(|part| part.start);
        // Between values there are zeros up to the next multiple of four.
        let mut end = 0;
        for part in parts {
            if part.start > end && bytes[end..part.start].iter().any(|byte| *byte != 0) {
                return false;
            }
            end = end.max(part.end);
        }
        bytes[end..].iter().all(|byte| *byte == 0)
    })
}

/// Header, table and values; none where one is wrong.
fn parts(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let count = number(HEADER)?;
    if number(0)? != bytes.len() || bytes.get(36..40)? != b"acsp" || count > 256 {
        return None;
    }
    let table = HEADER + 4;
    let mut parts: Vec<Range<usize>> = std::iter::once(0..table + count * 12).collect();
    bytes.get(parts[0].clone())?;
    for entry in 0..count {
        let (at, size) = (number(table + entry * 12 + 4)?, number(table + entry * 12 + 8)?);
        let value = bytes.get(at..at.checked_add(size)?)?;
        if at < parts[0].end || !TYPES.iter().any(|known| value.starts_with(&known[..])) {
            return None;
        }
        parts.push(at..at + size);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(kind: &[u8; 4], behind: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[36..40].copy_from_slice(b"acsp");
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(b"wtpt");
        bytes.extend(144_u32.to_be_bytes());
        bytes.extend(20_u32.to_be_bytes());
        bytes.extend(kind);
        bytes.extend([0; 16]);
        bytes.extend(behind);
        let size = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        bytes
    }

    #[test]
    fn a_profile_with_anything_else_in_it_is_none() {
        assert!(is_profile(&profile(b"XYZ ", b"\0\0")));
        assert!(!is_profile(&profile(b"XYZ ", b"48.8577")));
        assert!(!is_profile(&profile(b"dict", b"")));
        assert!(!is_profile(b"<x:xmpmeta exif:GPSLatitude='48,51.4620N'/>"));
        assert!(!is_profile(&profile(b"XYZ ", b"")[..160]));
    }

    #[test]
    fn a_profile_without_one_of_its_segments_is_refused() {
        let bytes = profile(b"XYZ ", b"");
        let segment = |number, bytes: &[u8]| [NAME, &[number, 2], bytes].concat();
        let mut whole = Profile::default();
        whole.segment(&segment(2, &bytes[100..]), 500).unwrap();
        whole.segment(&segment(1, &bytes[..100]), 20).unwrap();
        assert_eq!(whole.checked().unwrap(), [20..134, 500..578]);
        let mut half = Profile::default();
        half.segment(&segment(1, &bytes), 20).unwrap();
        assert!(half.checked().is_err());
    }
}
