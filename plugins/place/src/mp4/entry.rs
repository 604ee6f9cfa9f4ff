//! `stsd`: what the samples of a track are. Codecs that can carry more than
//! picture and sound, such as JPEG pictures with data of their own, and those
//! that nobody here knows, are refused.

use std::io::{Read, Seek};

use super::Video;
use super::boxes::Box;
use super::nal::Units;
use crate::Refused;

/// Codecs of pictures.
const PICTURES: [&[u8; 4]; 12] = [
    b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v", b"s263", b"h263", b"vp08", b"vp09", b"av01",
    b"dvh1", b"dvhe",
];
/// Codecs of sound with a size for each sample.
const SOUNDS: [&[u8; 4]; 10] =
    [b"mp4a", b"samr", b"sawb", b"ac-3", b"ec-3", b"Opus", b"fLaC", b"alac", b".mp3", b"ms\0U"];
/// Uncompressed sound, or as good as: all samples have one size.
const WAVES: [&[u8; 4]; 13] = [
    b"sowt", b"twos", b"raw ", b"NONE", b"in24", b"in32", b"fl32", b"fl64", b"lpcm", b"ipcm",
    b"ulaw", b"alaw", b"ima4",
];
/// Boxes that say how to decode.
const KEPT: [&[u8; 4]; 31] = [
    b"avcC", b"hvcC", b"vpcC", b"av1C", b"dvcC", b"dvvC", b"esds", b"d263", b"colr", b"pasp",
    b"clap", b"fiel", b"gama", b"btrt", b"mdcv", b"clli", b"SmDm", b"CoLL", b"chan", b"damr",
    b"dac3", b"dec3", b"dOps", b"dfLa", b"alac", b"srat", b"pcmC", b"frma", b"enda", b"mp4a",
    b"bitr",
];
/// Bytes of one of these boxes; a colour profile is the largest.
const LARGEST: u64 = 1 << 20;

/// What samples are.
#[derive(Debug)]
pub enum Entry {
    /// Each sample is as large as its table says.
    Sized,
    /// The same, and each has units, which may be messages.
    Units(Units),
    /// So many bytes for so many samples.
    Waves {
        /// Bytes of a packet.
        bytes: u32,
        /// Samples of a packet.
        samples: u32,
    },
}

impl Entry {
    /// How the units of a sample are told apart.
    pub fn units(&self) -> Option<Units> {
        match self {
            Self::Units(units) => Some(*units),
            _ => None,
        }
    }

    /// Bytes of `samples` samples that are said to have `size` each.
    pub fn bytes(&self, samples: u32, size: u32) -> Option<u64> {
        match self {
            Self::Sized | Self::Units(_) => Some(u64::from(samples) * u64::from(size)),
            Self::Waves { bytes, samples: each } => {
                let (bytes, each) = (u64::from(*bytes), u64::from(*each));
                Some(u64::from(samples).checked_div(each)? * bytes)
            }
        }
    }
}

impl<R: Read + Seek> Video<'_, R> {
    pub(super) fn entries(
        &mut self,
        found: &Box,
        handler: &[u8; 4],
    ) -> Result<Vec<Entry>, Refused> {
        if found.length() < 8 {
            return Err(found.wrong());
        }
        let mut entries = Vec::new();
        for entry in self.children(found, found.body + 8)? {
            let kind = &entry.kind;
            let known = match handler {
                b"vide" if PICTURES.contains(&kind) => self.picture(&entry)?,
                b"soun" if SOUNDS.contains(&kind) || WAVES.contains(&kind) => {
                    self.sound(&entry, WAVES.contains(&kind))?
                }
                _ => {
                    let why = format!("its video has a codec `{}`", kind.escape_ascii());
                    return Err(Refused::because(why));
                }
            };
            entries.push(known);
        }
        Ok(entries)
    }

    /// Sizes and depth stay, names of the maker and of the encoder go.
    fn picture(&mut self, entry: &Box) -> Result<Entry, Refused> {
        let body = entry.body;
        if entry.length() < 78 {
            return Err(entry.wrong());
        }
        self.edits.zero(body..body + 6);
        self.edits.zero(body + 8..body + 24);
        self.edits.zero(body + 42..body + 74);
        let children = self.configuration(entry, body + 78)?;
        let place = match &entry.kind {
            b"avc1" | b"avc3" => Some((b"avcC", 4, false)),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => Some((b"hvcC", 21, true)),
            _ => None,
        };
        let Some((kind, place, is_hevc)) = place else { return Ok(Entry::Sized) };
        let configuration = children.iter().find(|found| found.kind == *kind);
        let configuration = configuration.filter(|found| found.length() > place);
        let configuration = configuration.ok_or_else(|| entry.wrong())?;
        let length_size = (self.source.byte(configuration.body + place)? & 3) + 1;
        Ok(Entry::Units(Units { length_size, is_hevc }))
    }

    fn sound(&mut self, entry: &Box, is_wave: bool) -> Result<Entry, Refused> {
        let body = entry.body;
        if entry.length() < 28 {
            return Err(entry.wrong());
        }
        let short = |bytes: [u8; 2]| u16::from_be_bytes(bytes);
        let version = short(self.source.array(body + 8)?);
        let channels = u32::from(short(self.source.array(body + 16)?));
        let bits = u32::from(short(self.source.array(body + 18)?));
        let (length, waves) = match version {
            0 if entry.kind == *b"ima4" => (28, Entry::Waves { bytes: channels * 34, samples: 64 }),
            0 => {
                let bytes = match &entry.kind {
                    b"ulaw" | b"alaw" => channels,
                    b"in24" => channels * 3,
                    b"in32" | b"fl32" => channels * 4,
                    b"fl64" => channels * 8,
                    _ => channels * bits.div_ceil(8),
                };
                (28, Entry::Waves { bytes, samples: 1 })
            }
            1 if entry.length() >= 44 => {
                let samples = u32::from_be_bytes(self.source.array(body + 28)?);
                let bytes = u32::from_be_bytes(self.source.array(body + 36)?);
                (44, Entry::Waves { bytes, samples })
            }
            2 if entry.length() >= 64 => {
                let bytes = u32::from_be_bytes(self.source.array(body + 56)?);
                let samples = u32::from_be_bytes(self.source.array(body + 60)?);
                (64, Entry::Waves { bytes, samples })
            }
            _ => return Err(entry.wrong()),
        };
        self.edits.zero(body..body + 6);
        self.edits.zero(body + 12..body + 16);
        self.configuration(entry, body + length)?;
        Ok(if is_wave { waves } else { Entry::Sized })
    }

    /// The boxes behind a sample entry's fixed part. What decodes without the
    /// box that its codec needs follows some other one, which is not known here.
    fn configuration(&mut self, entry: &Box, at: u64) -> Result<Vec<Box>, Refused> {
        let mut children = self.children(entry, at)?;
        // QuickTime has a box for the sound's own boxes.
        let wave = children.iter().find(|found| found.kind == *b"wave").cloned();
        if let Some(wave) = &wave {
            children.extend(self.children(wave, wave.body)?);
        }
        let needs: &[&[u8; 4]] = match &entry.kind {
            b"avc1" | b"avc3" => &[b"avcC"],
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => &[b"hvcC"],
            b"vp08" | b"vp09" => &[b"vpcC"],
            b"av01" => &[b"av1C"],
            b"mp4v" | b"mp4a" => &[b"esds"],
            b"s263" | b"h263" => &[b"d263"],
            b"Opus" => &[b"dOps"],
            b"fLaC" => &[b"dfLa"],
            b"alac" => &[b"alac"],
            _ => &[],
        };
        if let Some(needed) =
            needs.iter().find(|kind| !children.iter().any(|found| found.kind == ***kind))
        {
            let why = format!("its video has no part `{}`", needed.escape_ascii());
            return Err(Refused::because(why));
        }
        for found in &children {
            match &found.kind {
                b"wave" => {}
                // The end of that list.
                b"\0\0\0\0" if found.length() == 0 => {}
                kind if KEPT.contains(&kind) && found.length() <= LARGEST => {}
                _ => self.edits.free(found),
            }
        }
        Ok(children)
    }
}
