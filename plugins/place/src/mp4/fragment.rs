//! `moof`: where the samples of a fragment lie (ISO/IEC 14496-12, 8.8).

use std::io::{Read, Seek};

use super::Video;
use super::boxes::Box;
use super::table::numbers;
use super::track::Track;
use crate::Refused;

impl<R: Read + Seek> Video<'_, R> {
    pub(super) fn fragment(&mut self, fragment: &Box) -> Result<(), Refused> {
        // Where the data of a part begin that does not say it.
        let mut implicit = Some(fragment.at);
        for found in self.children(fragment, fragment.body)? {
            match &found.kind {
                b"mfhd" => self.exactly(&found, 8)?,
                b"traf" => implicit = self.track_fragment(fragment, &found, implicit)?,
                _ => self.edits.free(&found),
            }
        }
        Ok(())
    }

    /// Where the data of this part end; nobody knows it of a part that goes.
    fn track_fragment(
        &mut self,
        fragment: &Box,
        part: &Box,
        implicit: Option<u64>,
    ) -> Result<Option<u64>, Refused> {
        let children = self.children(part, part.body)?;
        let Some(header) = children.iter().find(|found| found.kind == *b"tfhd") else {
            return Err(part.wrong());
        };
        if header.length() < 8 {
            return Err(header.wrong());
        }
        let [_, a, b, c] = self.source.array(header.body)?;
        let flags = u32::from_be_bytes([0, a, b, c]);
        let number = u32::from_be_bytes(self.source.array(header.body + 4)?);
        let Some(track) = self.tracks.get(&number).copied() else {
            self.edits.free(part);
            return Ok(None);
        };
        let has = |flag: u32| u64::from(flags & flag != 0);
        self.exactly(header, 8 + 8 * has(1) + 4 * (has(2) + has(8) + has(0x10) + has(0x20)))?;
        let base = match (has(1), has(0x2_0000)) {
            (1, _) => Some(u64::from_be_bytes(self.source.array(header.body + 8)?)),
            (_, 1) => Some(fragment.at),
            _ => implicit,
        };
        let base = base.ok_or_else(|| part.wrong())?;
        let default_size = match has(0x10) {
            1 => {
                let place = header.body + 8 + 8 * has(1) + 4 * (has(2) + has(8));
                u32::from_be_bytes(self.source.array(place)?)
            }
            _ => track.default_size,
        };
        let track = Track { default_size, ..track };
        let mut end = base;
        for found in &children {
            match &found.kind {
                b"tfhd" if found.at == header.at => {}
                b"tfdt" => self.fixed(found, 8, 12)?,
                b"trun" => end = self.run(found, base, end, track)?,
                _ => self.edits.free(found),
            }
        }
        Ok(Some(end))
    }

    /// Notes the samples of a run; returns where they end.
    fn run(&mut self, found: &Box, base: u64, follows: u64, track: Track) -> Result<u64, Refused> {
        if found.length() < 8 {
            return Err(found.wrong());
        }
        let [_, a, b, c] = self.source.array(found.body)?;
        let flags = u32::from_be_bytes([0, a, b, c]);
        let has = |flag: u32| u64::from(flags & flag != 0);
        let count = u32::from_be_bytes(self.source.array(found.body + 4)?);
        let entry = 4 * (has(0x100) + has(0x200) + has(0x400) + has(0x800));
        let head = 8 + 4 * (has(1) + has(4));
        let length = u64::from(count) * entry;
        if length > 1 << 24 {
            return Err(found.wrong());
        }
        self.exactly(found, head + length)?;
        let start = match has(1) {
            1 => {
                let offset = i32::from_be_bytes(self.source.array(found.body + 8)?);
                base.checked_add_signed(offset.into()).ok_or_else(|| found.wrong())?
            }
            _ => follows,
        };
        let mut at = start;
        if has(0x200) == 1 || track.units.is_some() {
            let length = usize::try_from(length).map_err(|_| found.wrong())?;
            let entries = self.source.read(found.body + head, length)?;
            let place = usize::try_from(4 * has(0x100)).unwrap_or(0);
            let entry = usize::try_from(entry).unwrap_or(4);
            let sizes =
                numbers(entries.get(place..).unwrap_or_default()).step_by((entry / 4).max(1));
            let mut sizes = sizes.filter(|_| has(0x200) == 1);
            if u64::from(count) * 4 > self.source.length() {
                return Err(found.wrong());
            }
            for _ in 0..count {
                let size = u64::from(sizes.next().unwrap_or(track.default_size));
                self.sample(at, size, track.units)?;
                at = at.checked_add(size).ok_or_else(|| found.wrong())?;
            }
        } else {
            let total = u64::from(count) * u64::from(track.default_size);
            self.samples.add(start, total)?;
            at = at.checked_add(total).ok_or_else(|| found.wrong())?;
        }
        Ok(at)
    }
}
