//! The file that is read, through a small window.

use std::io::{self, Read, Seek, SeekFrom};

use crate::Refused;

/// Bytes that are read at once where one reads on.
const WINDOW: u64 = 64 << 10;
/// The same after a leap: boxes and samples of a video lie far apart.
const LEAP: u64 = 1 << 10;

/// A file with a window on it.
pub struct Source<R> {
    file: R,
    length: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<R: Read + Seek> Source<R> {
    /// The whole of `file`.
    pub fn new(mut file: R) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, length, window: Vec::new(), window_at: 0 })
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether these are its first bytes.
    pub fn starts_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        Ok(self.window(0)?.starts_with(bytes))
    }

    /// The four letters of a first box.
    pub fn kind_of_first_box(&mut self) -> io::Result<Option<[u8; 4]>> {
        let head = self.window(0)?.get(4..8);
        Ok(head.and_then(|kind| kind.try_into().ok()))
    }

    /// Some bytes from `at`, at least one before the file's end.
    pub fn window(&mut self, at: u64) -> io::Result<&[u8]> {
        let inside = at >= self.window_at && at < self.window_at + self.window.len() as u64;
        if !inside {
            self.fill(at)?;
        }
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(from..).unwrap_or_default())
    }

    /// The byte at `at`.
    ///
    /// # Errors
    /// The file has ended.
    pub fn byte(&mut self, at: u64) -> Result<u8, Refused> {
        self.window(at)?.first().copied().ok_or_else(cut_off)
    }

    /// `N` bytes from `at`.
    ///
    /// # Errors
    /// The file ends before.
    pub fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Refused> {
        if let Some(bytes) = self.window(at)?.first_chunk() {
            return Ok(*bytes);
        }
        self.fill(at)?;
        self.window.first_chunk().copied().ok_or_else(cut_off)
    }

    /// `length` bytes from `at`, which the caller keeps within bounds.
    ///
    /// # Errors
    /// The file ends before.
    pub fn read(&mut self, at: u64, length: usize) -> Result<Vec<u8>, Refused> {
        if at.saturating_add(length as u64) > self.length {
            return Err(cut_off());
        }
        if let Some(bytes) = self.window(at)?.get(..length) {
            return Ok(bytes.to_vec());
        }
        let mut bytes = Vec::with_capacity(length);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length { Ok(bytes) } else { Err(cut_off()) }
    }

    fn fill(&mut self, at: u64) -> io::Result<()> {
        let goes_on = at == self.window_at + self.window.len() as u64;
        self.window.clear();
        self.window_at = at;
        if at < self.length {
            self.file.seek(SeekFrom::Start(at))?;
            self.file
                .by_ref()
                .take(if goes_on { WINDOW } else { LEAP })
                .read_to_end(&mut self.window)?;
        }
        Ok(())
    }
}

fn cut_off() -> Refused {
    Refused::because("it is cut off")
}
