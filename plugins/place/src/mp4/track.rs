//! `trak`: a track and the tables of its samples.

use std::io::{Read, Seek};

use super::Video;
use super::boxes::Box;
use super::entry::Entry;
use super::nal::Units;
use super::table::numbers;
use crate::Refused;

/// Bytes of what has no size of its own.
const SMALL: u64 = 1 << 16;

/// What fragments need to know of a track that stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Track {
    /// Bytes of a sample, where its fragment does not say.
    pub default_size: u32,
    /// How the units of a sample are told apart, where it has some.
    pub units: Option<Units>,
}

/// Where the samples of a track lie.
#[derive(Default)]
struct Tables {
    entries: Vec<Entry>,
    size: u32,
    count: u32,
    sizes: Vec<u8>,
    chunks: Vec<u64>,
    runs: Vec<u8>,
    seen: Vec<[u8; 4]>,
}

impl<R: Read + Seek> Video<'_, R> {
    pub(super) fn track(&mut self, track: &Box) -> Result<(), Refused> {
        let children = self.children(track, track.body)?;
        let Some(media) = children.iter().find(|found| found.kind == *b"mdia") else {
            self.edits.free(track);
            return Ok(());
        };
        let in_media = self.children(media, media.body)?;
        let handler = in_media.iter().find(|found| found.kind == *b"hdlr");
        let handler = match handler.filter(|handler| handler.length() >= 12) {
            Some(handler) => self.source.array(handler.body + 8)?,
            None => [0; 4],
        };
        if !matches!(&handler, b"vide" | b"soun") {
            self.edits.free(track);
            return Ok(());
        }
        let mut number = None;
        for found in &children {
            match &found.kind {
                b"tkhd" => {
                    self.fixed(found, 84, 96)?;
                    let place = if self.source.byte(found.body)? == 0 { 12 } else { 20 };
                    number = Some(u32::from_be_bytes(self.source.array(found.body + place)?));
                }
                b"edts" => self.edit_list(found)?,
                b"mdia" if found.at == media.at => {}
                _ => self.edits.free(found),
            }
        }
        let number = number.ok_or_else(|| track.wrong())?;
        if self.tracks.insert(number, Track::default()).is_some() {
            return Err(track.wrong());
        }
        let mut tables = Tables::default();
        for found in &in_media {
            match &found.kind {
                b"mdhd" => self.fixed(found, 24, 36)?,
                b"hdlr" => self.handler(found)?,
                b"minf" => self.media_information(found, &handler, &mut tables)?,
                _ => self.edits.free(found),
            }
        }
        let units = tables.entries.first().and_then(Entry::units);
        if tables.entries.iter().any(|entry| entry.units() != units) {
            return Err(track.wrong());
        }
        self.tracks.insert(number, Track { units, ..Track::default() });
        self.locate(track, tables, units)
    }

    fn edit_list(&mut self, found: &Box) -> Result<(), Refused> {
        for found in self.children(found, found.body)? {
            match (&found.kind, self.source.byte(found.body)?) {
                (b"elst", 0) => drop(self.table(&found, 4, 12)?),
                (b"elst", 1) => drop(self.table(&found, 4, 20)?),
                _ => self.edits.free(&found),
            }
        }
        Ok(())
    }

    /// The kind of a handler stays, its name goes.
    fn handler(&mut self, found: &Box) -> Result<(), Refused> {
        if found.length() < 24 || found.length() > SMALL {
            return Err(found.wrong());
        }
        let class: [u8; 4] = self.source.array(found.body + 4)?;
        if !matches!(&class, b"mhlr" | b"dhlr" | b"\0\0\0\0") {
            self.edits.zero(found.body + 4..found.body + 8);
        }
        self.edits.zero(found.body + 12..found.end);
        Ok(())
    }

    fn media_information(
        &mut self,
        found: &Box,
        handler: &[u8; 4],
        tables: &mut Tables,
    ) -> Result<(), Refused> {
        for found in self.children(found, found.body)? {
            match &found.kind {
                b"vmhd" => self.exactly(&found, 12)?,
                b"smhd" => self.exactly(&found, 8)?,
                b"hdlr" => self.handler(&found)?,
                b"dinf" => self.data_information(&found)?,
                b"stbl" => self.sample_tables(&found, handler, tables)?,
                _ => self.edits.free(&found),
            }
        }
        Ok(())
    }

    /// Samples lie in this very file; paths of others are not said.
    fn data_information(&mut self, found: &Box) -> Result<(), Refused> {
        for found in self.children(found, found.body)? {
            if found.kind != *b"dref" || found.length() < 8 {
                self.edits.free(&found);
                continue;
            }
            for entry in self.children(&found, found.body + 8)? {
                let flags: [u8; 4] = self.source.array(entry.body)?;
                let is_known = matches!(&entry.kind, b"url " | b"urn " | b"alis" | b"rsrc");
                if entry.length() < 4 || !is_known || flags[3] & 1 == 0 {
                    return Err(Refused::because("its video lies in another file"));
                }
                self.edits.zero(entry.body + 4..entry.end);
            }
        }
        Ok(())
    }

    fn sample_tables(
        &mut self,
        found: &Box,
        handler: &[u8; 4],
        tables: &mut Tables,
    ) -> Result<(), Refused> {
        for found in self.children(found, found.body)? {
            // The second of a kind is what other readers might believe.
            if tables.seen.contains(&found.kind) {
                self.edits.free(&found);
                continue;
            }
            match &found.kind {
                b"stsd" => tables.entries = self.entries(&found, handler)?,
                b"stts" | b"ctts" => drop(self.table(&found, 4, 8)?),
                b"stss" | b"stps" => drop(self.table(&found, 4, 4)?),
                b"cslg" => self.fixed(&found, 24, 44)?,
                b"stsc" => tables.runs = self.table(&found, 4, 12)?,
                b"stsz" => self.sample_sizes(&found, tables)?,
                b"stco" => {
                    let offsets = self.table(&found, 4, 4)?;
                    tables.chunks = numbers(&offsets).map(u64::from).collect();
                }
                b"co64" => {
                    let offsets = self.table(&found, 4, 8)?;
                    let offset = |bytes: &[u8]| bytes.first_chunk().map(|b| u64::from_be_bytes(*b));
                    tables.chunks = offsets.chunks_exact(8).filter_map(offset).collect();
                }
                b"stz2" => return Err(found.wrong()),
                _ => {
                    self.edits.free(&found);
                    continue;
                }
            }
            tables.seen.push(match &found.kind {
                b"co64" => *b"stco",
                kind => *kind,
            });
        }
        Ok(())
    }

    fn sample_sizes(&mut self, found: &Box, tables: &mut Tables) -> Result<(), Refused> {
        if found.length() < 12 {
            return Err(found.wrong());
        }
        tables.size = u32::from_be_bytes(self.source.array(found.body + 4)?);
        tables.count = u32::from_be_bytes(self.source.array(found.body + 8)?);
        if tables.size == 0 {
            tables.sizes = self.table(found, 8, 4)?;
            return Ok(());
        }
        self.exactly(found, 12)
    }

    /// Notes where the samples lie: chunks, with runs of chunks of as many
    /// samples.
    fn locate(&mut self, track: &Box, tables: Tables, units: Option<Units>) -> Result<(), Refused> {
        // Each sample has a byte at least, or an entry of its own.
        if tables.size > 0 && u64::from(tables.count) > self.source.length() {
            return Err(track.wrong());
        }
        let runs: Vec<u32> = numbers(&tables.runs).collect();
        let mut sizes = numbers(&tables.sizes);
        let mut left = tables.count;
        let mut run = 0;
        for (index, chunk) in tables.chunks.iter().enumerate() {
            let number = u32::try_from(index + 1).map_err(|_| track.wrong())?;
            while runs.get(3 * (run + 1)).is_some_and(|first| *first <= number) {
                run += 1;
            }
            let (Some(first), Some(samples), Some(entry)) =
                (runs.get(3 * run), runs.get(3 * run + 1), runs.get(3 * run + 2))
            else {
                return Err(track.wrong());
            };
            if *first > number {
                return Err(track.wrong());
            }
            let samples = (*samples).min(left);
            left -= samples;
            if tables.size == 0 || units.is_some() {
                let mut at = *chunk;
                for _ in 0..samples {
                    let size = if tables.size == 0 { sizes.next() } else { Some(tables.size) };
                    let size = u64::from(size.unwrap_or(0));
                    self.sample(at, size, units)?;
                    at = at.saturating_add(size);
                }
            } else {
                let place = usize::try_from(*entry).unwrap_or(0).saturating_sub(1);
                let entry = tables.entries.get(place).ok_or_else(|| track.wrong())?;
                let length = entry.bytes(samples, tables.size).ok_or_else(|| track.wrong())?;
                self.samples.add(*chunk, length)?;
            }
        }
        // A sample that no chunk has would lose its bytes.
        if left > 0 && !tables.chunks.is_empty() {
            return Err(track.wrong());
        }
        Ok(())
    }
}
