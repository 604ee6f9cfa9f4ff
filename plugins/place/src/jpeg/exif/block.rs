//! A TIFF structure: reading what of it is within reach, writing a new one.

use std::collections::BTreeMap;

use super::tags::Directory;

const BYTE: u16 = 1;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const SIGNED_RATIONAL: u16 = 10;
/// Entries of a directory that are looked at.
const MOST: u16 = 512;
const ENTRY: usize = 12;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text without the zero at its end.
    Text(Vec<u8>),
    /// Whole numbers, with the type that they are written in.
    Short(Vec<u16>),
    /// Larger whole numbers.
    Long(Vec<u32>),
    /// Fractions.
    Rational(Vec<(u32, u32)>),
    /// Signed fractions, by their bits.
    SignedRational(Vec<(u32, u32)>),
    /// Bytes.
    Undefined(Vec<u8>),
    /// A type that no listed tag has.
    Other,
}

/// A block that is read.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

/// Whether a block begins here.
pub fn is_start(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*")
}

impl<'a> Block<'a> {
    /// The block, if it is one. What follows the order of its bytes is always
    /// the same number, and some programs do not look at it.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..2)? {
            b"II" => Some(Self { bytes, is_little: true }),
            b"MM" => Some(Self { bytes, is_little: false }),
            _ => None,
        }
    }

    /// What the directories say that are looked at.
    pub fn values(self) -> impl Iterator<Item = (Directory, u16, Value)> {
        let image = self.u32_at(4).unwrap_or(0);
        let below = |directory: usize, tag: u16| {
            self.entries(directory).find(|entry| entry.tag == tag)?.pointer
        };
        let photo = below(image, 0x8769);
        let interoperability = photo.and_then(|photo| below(photo, 0xa005));
        let directories = [
            (Directory::Image, Some(image)),
            (Directory::Photo, photo),
            (Directory::Interoperability, interoperability),
        ];
        directories.into_iter().flat_map(move |(directory, at)| {
            at.into_iter()
                .flat_map(move |at| self.entries(at))
                .filter_map(move |entry| Some((directory, entry.tag, entry.value?)))
        })
    }

    fn entries(self, at: usize) -> impl Iterator<Item = Entry> {
        let count = self.u16_at(at).unwrap_or(0).min(MOST);
        // A directory that begins with no entry is none.
        let is_one = self.u16_at(at.saturating_add(4)).is_some_and(|kind| size(kind).is_some());
        let count = if is_one { count } else { 0 };
        (0..usize::from(count)).map_while(move |index| self.entry(at + 2 + index * ENTRY))
    }

    fn entry(self, at: usize) -> Option<Entry> {
        let (tag, kind) = (self.u16_at(at)?, self.u16_at(at + 2)?);
        let (count, pointer) = (self.u32_at(at + 4)?, self.u32_at(at + 8)?);
        let value = size(kind).and_then(|size| count.checked_mul(size)).and_then(|length| {
            let place = if length > 4 { pointer } else { at + 8 };
            let bytes = self.bytes.get(place..place.checked_add(length)?)?;
            Some(self.value(kind, bytes))
        });
        Some(Entry { tag, pointer: (count == 1).then_some(pointer), value })
    }

    fn value(self, kind: u16, bytes: &[u8]) -> Value {
        let pairs = || {
            let pair = |pair: &[u8]| Some((self.u32_of(pair)?, self.u32_of(pair.get(4..)?)?));
            bytes.chunks_exact(8).filter_map(pair).collect()
        };
        match kind {
            BYTE => Value::Short(bytes.iter().map(|byte| u16::from(*byte)).collect()),
            ASCII => {
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                Value::Text(text.to_vec())
            }
            SHORT => Value::Short(bytes.chunks_exact(2).filter_map(|b| self.u16_of(b)).collect()),
            LONG => Value::Long(bytes.chunks_exact(4).filter_map(|b| self.u32_of(b)).collect()),
            RATIONAL => Value::Rational(pairs()),
            SIGNED_RATIONAL => Value::SignedRational(pairs()),
            UNDEFINED => Value::Undefined(bytes.to_vec()),
            _ => Value::Other,
        }
    }

    fn u16_at(self, at: usize) -> Option<u16> {
        self.u16_of(self.bytes.get(at..)?)
    }

    fn u32_at(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32_of(self.bytes.get(at..)?)?).ok()
    }

    fn u16_of(self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32_of(self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

struct Entry {
    tag: u16,
    pointer: Option<usize>,
    value: Option<Value>,
}

/// Bytes of one value of a type.
fn size(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

/// A new block, little-endian, with these values and the pointers between the
/// directories.
pub fn write(values: &BTreeMap<(Directory, u16), Value>) -> Vec<u8> {
    let of = |wanted: Directory| -> Vec<(u16, Value)> {
        let values = values.iter().filter(|((directory, _), _)| *directory == wanted);
        values.map(|((_, number), value)| (*number, value.clone())).collect()
    };
    let (mut image, mut photo) = (of(Directory::Image), of(Directory::Photo));
    let interoperability = of(Directory::Interoperability);
    // The pointers have their final size before their value is known.
    if !interoperability.is_empty() {
        photo.push((0xa005, Value::Long(vec![0])));
    }
    if !photo.is_empty() {
        image.push((0x8769, Value::Long(vec![0])));
    }
    photo.sort_by_key(|(number, _)| *number);
    image.sort_by_key(|(number, _)| *number);
    let start = 8;
    let photo_at = start + length(&image);
    let interoperability_at = photo_at + length(&photo);
    let point = |values: &mut [(u16, Value)], tag: u16, to: usize| {
        for (_, value) in values.iter_mut().filter(|(number, _)| *number == tag) {
            *value = Value::Long(vec![u32::try_from(to).unwrap_or(0)]);
        }
    };
    point(&mut image, 0x8769, photo_at);
    point(&mut photo, 0xa005, interoperability_at);
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    for values in [image, photo, interoperability] {
        if !values.is_empty() {
            directory(&mut block, &values);
        }
    }
    block
}

/// Bytes of a directory with its values.
fn length(values: &[(u16, Value)]) -> usize {
    let mut block = Vec::new();
    if !values.is_empty() {
        directory(&mut block, values);
    }
    block.len()
}

fn directory(block: &mut Vec<u8>, values: &[(u16, Value)]) {
    let mut place = block.len() + 2 + values.len() * ENTRY + 4;
    let mut behind = Vec::new();
    block.extend(u16::try_from(values.len()).unwrap_or(0).to_le_bytes());
    for (number, value) in values {
        let (kind, count, mut bytes) = value.encoded();
        block.extend(number.to_le_bytes());
        block.extend(kind.to_le_bytes());
        block.extend(u32::try_from(count).unwrap_or(0).to_le_bytes());
        if bytes.len() <= 4 {
            bytes.resize(4, 0);
            block.extend(bytes);
        } else {
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            block.extend(u32::try_from(place).unwrap_or(0).to_le_bytes());
            place += bytes.len();
            behind.extend(bytes);
        }
    }
    // No directory follows.
    block.extend([0; 4]);
    block.extend(behind);
}

impl Value {
    /// Type, count and bytes.
    fn encoded(&self) -> (u16, usize, Vec<u8>) {
        let pairs = |pairs: &[(u32, u32)]| -> Vec<u8> {
            pairs.iter().flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()]).flatten().collect()
        };
        match self {
            Self::Text(text) => (ASCII, text.len() + 1, [text, &b"\0"[..]].concat()),
            Self::Short(numbers) => {
                (SHORT, numbers.len(), numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
            }
            Self::Long(numbers) => {
                (LONG, numbers.len(), numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
            }
            Self::Rational(fractions) => (RATIONAL, fractions.len(), pairs(fractions)),
            Self::SignedRational(fractions) => (SIGNED_RATIONAL, fractions.len(), pairs(fractions)),
            Self::Undefined(bytes) => (UNDEFINED, bytes.len(), bytes.clone()),
            Self::Other => (UNDEFINED, 0, Vec::new()),
        }
    }
}
