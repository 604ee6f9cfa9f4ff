//! Tables and headers that decoding needs (ITU-T T.81, B.2). Their content is
//! looked at to the last byte, so that nothing else hides in them; decoders
//! refuse what is wrong here, too.

use crate::Refused;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A table or the frame.
    Table,
    /// A scan's header; its data follow.
    Scan,
}

/// Looks at the content of a segment that is no application's. `components` are
/// those of the frame.
pub fn check(marker: u8, content: &[u8], components: &mut Option<u8>) -> Result<Known, Refused> {
    if content.is_empty() {
        return Err(wrong(marker));
    }
    let is_right = match marker {
        0xdb => quantization(content),
        0xc4 => huffman(content),
        0xcc => content.len().is_multiple_of(2) && content.len() <= 64,
        0xdd => content.len() == 2,
        // Baseline, extended and progressive, by Huffman or arithmetic coding.
        0xc0..=0xc2 | 0xc9 | 0xca => match frame(content) {
            Some(_) if components.is_some() => false,
            Some(count) => {
                *components = Some(count);
                true
            }
            None => false,
        },
        0xda => {
            return match components {
                Some(_) if scan(content) => Ok(Known::Scan),
                _ => Err(wrong(marker)),
            };
        }
        _ => return Err(Refused::because(format!("its JPEG is of a kind {marker:02x}"))),
    };
    if is_right { Ok(Known::Table) } else { Err(wrong(marker)) }
}

fn wrong(marker: u8) -> Refused {
    Refused::because(format!("its JPEG has a wrong segment {marker:02x}"))
}

fn quantization(mut content: &[u8]) -> bool {
    while let Some((head, rest)) = content.split_first() {
        let (precision, number) = (head >> 4, head & 15);
        let length = if precision == 0 { 64 } else { 128 };
        if precision > 1 || number > 3 || rest.len() < length {
            return false;
        }
        content = &rest[length..];
    }
    true
}

fn huffman(mut content: &[u8]) -> bool {
    while let Some((head, rest)) = content.split_first() {
        let Some((counts, rest)) = rest.split_first_chunk::<16>() else { return false };
        let symbols: usize = counts.iter().map(|count| usize::from(*count)).sum();
        if head & 0xef > 3 || symbols > 256 || rest.len() < symbols {
            return false;
        }
        content = &rest[symbols..];
    }
    true
}

/// The number of a frame's components.
fn frame(content: &[u8]) -> Option<u8> {
    let [precision, height_1, height_2, width_1, width_2, count, rest @ ..] = content else {
        return None;
    };
    let has_size = (height_1 | height_2) != 0 && (width_1 | width_2) != 0;
    let is_right = matches!(precision, 8 | 12)
        && has_size
        && (1..=4).contains(count)
        && rest.len() == usize::from(*count) * 3;
    is_right.then_some(*count)
}

fn scan(content: &[u8]) -> bool {
    match content {
        [count @ 1..=4, rest @ ..] => rest.len() == usize::from(*count) * 2 + 3,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_more_in_them_are_refused() {
        let table = [&[0][..], &[1; 64]].concat();
        assert!(quantization(&table) && quantization(&table.repeat(2)));
        assert!(!quantization(&[&table[..], b"PARIS"].concat()));
        let table = [&[0x10][..], &[1, 1], &[0; 14], &[5, 6]].concat();
        assert!(huffman(&table) && !huffman(&table[..18]));
        assert!(!huffman(&[&table[..], b"P"].concat()));
        assert_eq!(frame(&[8, 0, 1, 0, 1, 1, 1, 0x11, 0]), Some(1));
        assert_eq!(frame(&[8, 0, 1, 0, 1, 1, 1, 0x11, 0, 0]), None);
        assert!(scan(&[1, 1, 0, 0, 63, 0]) && !scan(&[1, 1, 0, 0, 63, 0, 0]));
    }
}
