//! One box: its kind, and where it stands.

use std::io::{Read, Seek};

use crate::Refused;
use crate::source::Source;

/// A box.
#[derive(Debug, Clone)]
pub struct Box {
    /// Its four letters.
    pub kind: [u8; 4],
    /// Where its size stands.
    pub at: u64,
    /// Where its content begins.
    pub body: u64,
    /// Where the next one begins.
    pub end: u64,
    /// Whether its size is not said: it goes to the end of what it lies in.
    pub is_last: bool,
}

impl Box {
    /// The box at `at`, none if it is not whole before `end`.
    pub fn at<R: Read + Seek>(
        source: &mut Source<R>,
        at: u64,
        end: u64,
    ) -> Result<Option<Self>, Refused> {
        if end.saturating_sub(at) < 8 {
            return Ok(None);
        }
        let head: [u8; 8] = source.array(at)?;
        let [a, b, c, d, kind @ ..] = head;
        let (body, next) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (at + 8, end),
            1 if end - at >= 16 => {
                let size = u64::from_be_bytes(source.array(at + 8)?);
                (at + 16, at.saturating_add(size))
            }
            size => (at + 8, at + u64::from(size)),
        };
        let is_last = head[..4] == [0; 4];
        let is_whole = next >= body && next <= end;
        Ok(is_whole.then_some(Self { kind, at, body, end: next, is_last }))
    }

    /// Bytes of its content.
    pub fn length(&self) -> u64 {
        self.end - self.body
    }

    /// That it is not what its kind says.
    pub fn wrong(&self) -> Refused {
        Refused::because(format!("its video has a wrong part `{}`", self.kind.escape_ascii()))
    }
}
