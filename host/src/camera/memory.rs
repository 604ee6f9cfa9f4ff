//! What the files that come in hold in memory before they are on their way to
//! the disk. All of it is bounded, and what one connection may hold is its share
//! of that: nobody is refused for it, files are handed on in smaller pieces.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::places::Share;

/// Bytes of all files.
const ALL: usize = 8 << 20;

/// A smaller piece is not worth a thread's time.
const LEAST: usize = 16 << 10;

/// A camera that is silent for so long holds nothing while memory is dear.
pub(super) const SILENT: Duration = Duration::from_millis(100);

/// Counts what all files hold.
#[derive(Default)]
pub(super) struct Memory(AtomicUsize);

/// What one file holds.
pub(super) struct Held<'a> {
    memory: &'a Memory,
    share: &'a Share,
    bytes: usize,
}

impl Memory {
    /// Counts what a file of a connection with this share holds.
    pub(super) fn hold<'a>(&'a self, share: &'a Share) -> Held<'a> {
        Held { memory: self, share, bytes: 0 }
    }
}

impl Held<'_> {
    /// It holds so many bytes now.
    pub(super) fn set(&mut self, bytes: usize) {
        self.memory.0.fetch_add(bytes, Ordering::Relaxed);
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }

    /// Whether that is more than it may.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > LEAST && self.bytes > self.share.of(ALL)
    }

    /// Whether others need what it holds.
    pub(super) fn is_dear(&self) -> bool {
        self.bytes > 0 && self.memory.0.load(Ordering::Relaxed) > ALL / 2
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::places::Places;
    use super::*;

    #[test]
    fn a_file_may_hold_its_share_and_gives_back_what_it_held() {
        let places = Places::new(512, 512);
        let all: Vec<_> = (0..64)
            .map(|_| {
                let place = places.take(IpAddr::from([192, 0, 2, 1]));
                assert!(place.count(IpAddr::from([192, 0, 2, 1])));
                place
            })
            .collect();
        let memory = Memory::default();
        let share = all[0].share();
        let mut held = memory.hold(&share);
        held.set(ALL / 64);
        assert!(!held.is_too_much() && !held.is_dear());
        held.set(ALL / 64 + 1);
        assert!(held.is_too_much());
        held.set(ALL);
        assert!(held.is_dear());
        drop(held);
        assert_eq!(memory.0.load(Ordering::Relaxed), 0);
    }
}
