//! What changes in a video: bytes where they stand, nothing else.

use std::ops::Range;

use super::boxes::Box;
use crate::plan::{Piece, push};

/// The changes of a file, in any order.
#[derive(Default)]
pub struct Edits(Vec<(u64, Piece)>);

impl Edits {
    /// Makes a box one that readers skip, without content.
    pub fn free(&mut self, found: &Box) {
        if !matches!(&found.kind, b"free" | b"skip" | b"wide") {
            self.0.push((found.at + 4, Piece::New(b"free".to_vec())));
        }
        self.zero(found.body..found.end);
    }

    /// Makes these bytes zeros.
    pub fn zero(&mut self, range: Range<u64>) {
        if !range.is_empty() {
            self.0.push((range.start, Piece::Zeros(range.end - range.start)));
        }
    }

    /// Adds bytes that are written over.
    pub fn extend(&mut self, written: Vec<(u64, Piece)>) {
        self.0.extend(written);
    }

    /// What changes.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.0.iter().map(|(at, piece)| *at..at + piece.length()).collect()
    }

    /// The file up to `end` with the changes in it. What two changes want is
    /// what the first of them says.
    pub fn pieces(mut self, end: u64) -> Vec<Piece> {
        self.0.sort_by_key(|(at, _)| *at);
        let mut pieces = Vec::new();
        let mut at = 0;
        for (from, piece) in self.0 {
            let to = from + piece.length();
            if to <= at {
                continue;
            }
            // Only zeros can overlap: each other byte is written once.
            let piece = if from < at { Piece::Zeros(to - at) } else { piece };
            push(&mut pieces, Piece::File(at..from.max(at)));
            push(&mut pieces, piece);
            at = to;
        }
        push(&mut pieces, Piece::File(at..end.max(at)));
        pieces
    }
}
