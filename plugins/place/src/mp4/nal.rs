//! Messages in the samples of H.264 and HEVC (SEI; ITU-T H.264 annex D, H.265
//! annex D). Camcorders write the place there, as data of their own; what is no
//! message that decoders know becomes a filler message of the same length. The
//! pictures' own data stay bit for bit.

use std::io::{Read, Seek};

use super::Video;
use crate::Refused;
use crate::plan::Piece;

/// Bytes of a unit with messages that is looked at.
const LARGEST: u64 = 64 << 10;
/// Bytes of all that is written over.
const MOST: usize = 16 << 20;
/// The message that is nothing but filler.
const FILLER: u8 = 3;
const REGISTERED: usize = 4;
const UNREGISTERED: usize = 5;
/// Behind these, standards have no messages that decoding needs.
const LAST: usize = 205;
/// How x264 begins its own.
const X264: &[u8] = b"\xdc\x45\xe9\xbd\xe6\xd9\x48\xb7\x96\x2c\xd8\x20\xd9\x23\xee\xefx264 - core ";

/// How the units of a sample are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Bytes of a unit's length.
    pub length_size: u8,
    /// HEVC's; else H.264's.
    pub is_hevc: bool,
}

impl Units {
    /// Bytes of a unit's head, if it has messages.
    fn head(self, first: u8) -> Option<usize> {
        match self.is_hevc {
            false => (first & 0x1f == 6).then_some(1),
            true => matches!(first >> 1 & 0x3f, 39 | 40).then_some(2),
        }
    }
}

impl<R: Read + Seek> Video<'_, R> {
    /// Notes a sample, and what in it has to go.
    pub(super) fn sample(
        &mut self,
        at: u64,
        length: u64,
        units: Option<Units>,
    ) -> Result<(), Refused> {
        self.samples.add(at, length)?;
        let Some(units) = units else { return Ok(()) };
        let end = at.saturating_add(length).min(self.source.length());
        let size = u64::from(units.length_size);
        let mut at = at;
        while end.saturating_sub(at) > size {
            let head = self.source.array::<5>(at).unwrap_or_default();
            let (number, first) = head.split_at(usize::from(units.length_size));
            let length = number.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
            let unit = at + size;
            // What is no unit ends the sample for every reader.
            if length == 0 || length > end - unit {
                break;
            }
            if let Some(head) = units.head(first[0]) {
                self.messages(unit, length, head)?;
            }
            at = unit + length;
        }
        Ok(())
    }

    fn messages(&mut self, unit: u64, length: u64, head: usize) -> Result<(), Refused> {
        if length > LARGEST {
            return Err(Refused::because("its video has messages too large to be looked at"));
        }
        let length = usize::try_from(length).unwrap_or(0);
        let bytes = self.source.read(unit, length)?;
        if length <= head || are_known(&unescaped(&bytes[head..])) {
            return Ok(());
        }
        let filler = filler(&bytes[..head], length);
        self.messages_size += filler.len();
        if self.messages_size > MOST {
            return Err(Refused::because("its video has too many messages"));
        }
        self.messages.push((unit, Piece::New(filler)));
        Ok(())
    }
}

/// Without the bytes that keep zeros from looking like a start.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// Whether these are messages of standards, or x264's.
fn are_known(mut bytes: &[u8]) -> bool {
    // A last byte 80 ends the unit.
    while bytes.len() > 1 {
        let Some((kind, rest)) = number(bytes) else { return false };
        let Some((size, rest)) = number(rest) else { return false };
        let Some((content, rest)) = rest.split_at_checked(size) else { return false };
        let is_known = match kind {
            UNREGISTERED => {
                let is_text = |byte: &u8| byte.is_ascii_graphic() || b" \0".contains(byte);
                content.strip_prefix(X264).is_some_and(|text| text.iter().all(is_text))
            }
            REGISTERED => false,
            kind => kind <= LAST,
        };
        if !is_known {
            return false;
        }
        bytes = rest;
    }
    bytes.is_empty() || bytes == [0x80]
}

/// A kind or a size: bytes FF count 255 each, up to one that is none.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let last = bytes.get(full)?;
    Some((full * 255 + usize::from(*last), &bytes[full + 1..]))
}

/// A unit of `length` bytes, `head` among them, with nothing but filler.
fn filler(head: &[u8], length: usize) -> Vec<u8> {
    let mut unit = head.to_vec();
    let mut left = length - head.len();
    // Kind, size and end; two lengths are none that one message can have.
    let sized = |left: usize| {
        (1..left).find(|bytes| left >= bytes + 2 && (left - bytes - 2) / 255 + 1 == *bytes)
    };
    if sized(left).is_none() && left > 4 {
        unit.extend([FILLER, 0]);
        left -= 2;
    }
    let Some(bytes) = sized(left) else {
        unit.resize(length, 0x80);
        return unit;
    };
    let content = left - bytes - 2;
    unit.push(FILLER);
    unit.extend(vec![0xff; bytes - 1]);
    unit.push(u8::try_from(content % 255).unwrap_or(0));
    unit.extend(vec![0xff; content]);
    unit.push(0x80);
    unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filler_is_as_long_as_what_it_replaces_and_known() {
        for length in (4..2_000).chain([65_536]) {
            let unit = filler(&[6], length);
            assert_eq!(unit.len(), length);
            assert!(are_known(&unit[1..]), "{length}");
        }
        assert_eq!(filler(&[6], 3).len(), 3);
    }

    #[test]
    fn messages_that_a_camera_made_up_are_not_known() {
        let mdpm = [&[5, 22][..], &[0x17; 16], b"MDPM\xb1\x02", &[0x80]].concat();
        assert!(!are_known(&mdpm));
        let text = [X264, b"164 r3095\0"].concat();
        let x264 = [&[5, u8::try_from(text.len()).unwrap()][..], &text, &[0x80]].concat();
        assert!(are_known(&x264));
        assert!(are_known(&[1, 2, 0x12, 0x34, 0x80]));
        assert!(!are_known(&[1, 9, 0x12, 0x34, 0x80]));
        assert!(!are_known(&[4, 2, 0xb5, 0x34, 0x80]));
    }

    #[test]
    fn zeros_are_read_without_their_marks() {
        assert_eq!(unescaped(&[1, 0, 0, 3, 0, 0, 3, 1, 3]), [1, 0, 0, 0, 0, 1, 3]);
    }
}
