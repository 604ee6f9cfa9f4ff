//! `moov`: the header of the video and its tracks.

use std::io::{Read, Seek};

use super::Video;
use super::boxes::Box;
use crate::Refused;

impl<R: Read + Seek> Video<'_, R> {
    pub(super) fn movie(&mut self, movie: &Box) -> Result<(), Refused> {
        let children = self.children(movie, movie.body)?;
        for found in &children {
            match &found.kind {
                b"mvhd" => self.fixed(found, 100, 112)?,
                b"trak" => self.track(found)?,
                b"cmov" => {
                    return Err(Refused::because("the header of its video is compressed"));
                }
                b"udta" => self.user_data(found)?,
                b"mvex" => {}
                _ => self.edits.free(found),
            }
        }
        for found in children.iter().filter(|found| found.kind == *b"mvex") {
            for found in self.children(found, found.body)? {
                match &found.kind {
                    b"mehd" => self.fixed(&found, 8, 12)?,
                    b"trex" => self.defaults(&found)?,
                    _ => self.edits.free(&found),
                }
            }
        }
        Ok(())
    }

    /// What the samples of a track are like in fragments that do not say.
    fn defaults(&mut self, found: &Box) -> Result<(), Refused> {
        self.exactly(found, 24)?;
        let track = u32::from_be_bytes(self.source.array(found.body + 4)?);
        let size = u32::from_be_bytes(self.source.array(found.body + 16)?);
        if let Some(track) = self.tracks.get_mut(&track) {
            track.default_size = size;
        }
        Ok(())
    }

    /// The camera's maker and model and the date stay; everything else a user, or a camera
    /// for its user, may have written.
    fn user_data(&mut self, found: &Box) -> Result<(), Refused> {
        let Ok(children) = self.children(found, found.body) else {
            self.edits.free(found);
            return Ok(());
        };
        for found in &children {
            let is_kept = matches!(&found.kind, b"\xa9mak" | b"\xa9mod" | b"\xa9day")
                && (4..=68).contains(&found.length())
                && self.is_name(found)?;
            if !is_kept {
                self.edits.free(found);
            }
        }
        Ok(())
    }

    /// Whether a text of user data (its length, a language, letters) is a name
    /// as cameras have them, or a date: no digits behind a
    /// point.
    fn is_name(&mut self, found: &Box) -> Result<bool, Refused> {
        let bytes = self.source.read(found.body, usize::try_from(found.length()).unwrap_or(0))?;
        let (head, text) = bytes.split_at(4);
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        let is_plain = |byte: &u8| match &found.kind {
            b"\xa9day" => byte.is_ascii_digit() || b" -:/+TZ".contains(byte),
            _ => byte.is_ascii_alphanumeric() || b" -_".contains(byte),
        };
        Ok((length == bytes.len() - 4 || length == text.len()) && text.iter().all(is_plain))
    }
}
