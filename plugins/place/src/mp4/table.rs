//! Boxes that are as long as they say: with a fixed size, or a number of
//! entries. What stands behind becomes zeros.

use std::io::{Read, Seek};

use super::Video;
use super::boxes::Box;
use crate::Refused;

/// Bytes of a table that is read; a day of video has less.
const LARGEST: u64 = 16 << 20;

impl<R: Read + Seek> Video<'_, R> {
    /// A box of `short` bytes in version 0 and of `long` in version 1.
    pub(super) fn fixed(&mut self, found: &Box, short: u64, long: u64) -> Result<(), Refused> {
        let length = match self.source.byte(found.body)? {
            0 => short,
            1 => long,
            _ => return Err(found.wrong()),
        };
        self.exactly(found, length)
    }

    /// A box of `length` bytes.
    pub(super) fn exactly(&mut self, found: &Box, length: u64) -> Result<(), Refused> {
        if length > found.length() {
            return Err(found.wrong());
        }
        self.edits.zero(found.body + length..found.end);
        Ok(())
    }

    /// The entries of a table, each of `size` bytes, as many as it says at
    /// `count_at`, the last thing before them.
    pub(super) fn table(
        &mut self,
        found: &Box,
        count_at: u64,
        size: usize,
    ) -> Result<Vec<u8>, Refused> {
        if found.length() < count_at + 4 {
            return Err(found.wrong());
        }
        let count = u32::from_be_bytes(self.source.array(found.body + count_at)?);
        let length = u64::from(count) * size as u64;
        if length > LARGEST {
            return Err(Refused::because("its video has a table too large to be looked at"));
        }
        self.exactly(found, count_at + 4 + length)?;
        let length = usize::try_from(length).map_err(|_| found.wrong())?;
        self.source.read(found.body + count_at + 4, length)
    }
}

/// Whole numbers of 4 bytes.
pub fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    bytes.chunks_exact(4).map(number)
}
