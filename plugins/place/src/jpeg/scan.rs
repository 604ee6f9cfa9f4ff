//! Where the data of a scan end (ITU-T T.81, F.2). Decoders stop after the last
//! block and pass over what lies between it and the next marker; so does this,
//! for the sequential pictures by Huffman coding that cameras write. The data of
//! others, and those with faults, are kept up to the marker.

use std::io::{Read, Seek};
use std::ops::Range;

use crate::source::Source;

/// What is needed to find the end.
#[derive(Default)]
pub struct Coding {
    /// Tables of DC and AC coefficients.
    tables: [[Option<Table>; 4]; 2],
    frame: Option<Frame>,
    /// Units between two restart markers, 0 without any.
    interval: u32,
}

struct Frame {
    height: u32,
    width: u32,
    components: Vec<Component>,
}

#[derive(Clone, Copy)]
struct Component {
    id: u8,
    horizontal: u32,
    vertical: u32,
}

impl Coding {
    /// Takes a table or a frame, whose content is right.
    pub fn segment(&mut self, marker: u8, content: &[u8]) {
        match (marker, content) {
            (0xc4, content) => self.huffman(content),
            (0xdd, [high, low]) => self.interval = u32::from(u16::from_be_bytes([*high, *low])),
            (0xc0 | 0xc1, [_, height_1, height_2, width_1, width_2, _, components @ ..]) => {
                let component = |bytes: &[u8]| Component {
                    id: bytes[0],
                    horizontal: u32::from(bytes[1] >> 4),
                    vertical: u32::from(bytes[1] & 15),
                };
                self.frame = Some(Frame {
                    height: u32::from(u16::from_be_bytes([*height_1, *height_2])),
                    width: u32::from(u16::from_be_bytes([*width_1, *width_2])),
                    components: components.chunks_exact(3).map(component).collect(),
                });
            }
            _ => {}
        }
    }

    fn huffman(&mut self, mut content: &[u8]) {
        while let Some((head, rest)) = content.split_first() {
            let Some((counts, rest)) = rest.split_first_chunk::<16>() else { return };
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let Some((symbols, rest)) = rest.split_at_checked(symbols) else { return };
            let (class, number) = (usize::from(head >> 4 & 1), usize::from(head & 3));
            self.tables[class][number] = Some(Table::new(counts, symbols));
            content = rest;
        }
    }

    /// Where the data in `range` end of the scan with this header; none where
    /// they do not end, or it is not known how they are coded.
    pub fn end<R: Read + Seek>(
        &self,
        source: &mut Source<R>,
        header: &[u8],
        range: Range<u64>,
    ) -> Option<u64> {
        let frame = self.frame.as_ref()?;
        let [_, selectors @ .., 0, 63, 0] = header else { return None };
        let mut parts = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let component = frame.components.iter().find(|known| known.id == selector[0])?;
            let table = |class: usize, number: u8| {
                self.tables[class].get(usize::from(number)).and_then(Option::as_ref)
            };
            let (dc, ac) = (table(0, selector[1] >> 4)?, table(1, selector[1] & 15)?);
            parts.push((*component, dc, ac));
        }
        let most = |size: fn(&Component) -> u32| frame.components.iter().map(size).max();
        let horizontal = most(|component| component.horizontal).filter(|most| *most > 0)?;
        let vertical = most(|component| component.vertical).filter(|most| *most > 0)?;
        let units = if let [(component, ..)] = &mut parts[..] {
            // Alone, a component has as many blocks as it needs.
            let blocks = |size: u32, its: u32, most: u32| (size * its).div_ceil(most).div_ceil(8);
            let count = blocks(frame.width, component.horizontal, horizontal)
                * blocks(frame.height, component.vertical, vertical);
            (component.horizontal, component.vertical) = (1, 1);
            count
        } else {
            frame.width.div_ceil(8 * horizontal) * frame.height.div_ceil(8 * vertical)
        };
        let mut bits = Bits { source, at: range.start, end: range.end, last: 0, left: 0 };
        for unit in 0..units {
            if self.interval > 0 && unit > 0 && unit % self.interval == 0 {
                bits.restart()?;
            }
            for (component, dc, ac) in &parts {
                for _ in 0..component.horizontal * component.vertical {
                    bits.block(dc, ac)?;
                }
            }
        }
        Some(bits.at)
    }
}

/// A Huffman table: for each length of a code, the first code that is longer,
/// and the place of the first symbol less its code.
struct Table {
    longer: [u32; 17],
    place: [i64; 17],
    symbols: Vec<u8>,
}

impl Table {
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let (mut longer, mut place) = ([0; 17], [0; 17]);
        let (mut code, mut next) = (0_u32, 0_i64);
        for (length, count) in (1..).zip(counts) {
            place[length] = next - i64::from(code);
            code += u32::from(*count);
            next += i64::from(*count);
            longer[length] = code;
            code <<= 1;
        }
        Self { longer, place, symbols: symbols.to_vec() }
    }
}

/// The bits of a scan.
struct Bits<'a, R> {
    source: &'a mut Source<R>,
    at: u64,
    end: u64,
    last: u8,
    left: u32,
}

impl<R: Read + Seek> Bits<'_, R> {
    fn block(&mut self, dc: &Table, ac: &Table) -> Option<()> {
        let size = self.symbol(dc)?;
        self.skip(u32::from(size).min(16))?;
        let mut place = 1;
        while place < 64 {
            let symbol = self.symbol(ac)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => place += 16,
                (_, 0) => break,
                _ => {
                    self.skip(u32::from(size))?;
                    place += u32::from(zeros) + 1;
                }
            }
        }
        (place <= 64).then_some(())
    }

    fn symbol(&mut self, table: &Table) -> Option<u8> {
        let mut code = 0;
        for length in 1..=16 {
            code = code << 1 | self.bit()?;
            if code < table.longer[length] {
                let place = usize::try_from(table.place[length] + i64::from(code)).ok()?;
                return table.symbols.get(place).copied();
            }
        }
        None
    }

    fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.bit().map(drop))
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let byte = self.next()?;
            if byte == 0xff {
                // A byte of the data is followed by a zero, a marker is not.
                while self.next()? == 0xff {}
                if self.source.byte(self.at - 1).ok()? != 0 {
                    return None;
                }
            }
            (self.last, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(u32::from(self.last >> self.left & 1))
    }

    fn next(&mut self) -> Option<u8> {
        if self.at >= self.end {
            return None;
        }
        self.at += 1;
        self.source.byte(self.at - 1).ok()
    }

    /// Moves behind a restart marker.
    fn restart(&mut self) -> Option<()> {
        self.left = 0;
        if self.next()? != 0xff {
            return None;
        }
        let mut marker = self.next()?;
        while marker == 0xff {
            marker = self.next()?;
        }
        matches!(marker, 0xd0..=0xd7).then_some(())
    }
}
