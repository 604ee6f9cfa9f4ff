//! The disk below the spool: its free space, and whether it is one.

use std::io;
use std::path::{Path, PathBuf};

/// How much of the spool's disk no upload may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeSpace {
    /// A folder on the disk.
    pub folder: PathBuf,
    /// Bytes that stay free.
    pub kept: u64,
}

impl FreeSpace {
    /// Whether there is room for `coming` more bytes.
    ///
    /// # Errors
    /// The disk's.
    pub async fn has_room(&self, coming: u64) -> io::Result<bool> {
        let folder = self.folder.clone();
        let disk = tokio::task::spawn_blocking(move || rustix::fs::statvfs(folder)).await??;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok(free >= self.kept.saturating_add(coming))
    }
}

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of Linux's `magic.h`.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Whether what is in `folder` is gone when the machine is switched off.
///
/// # Errors
/// The folder's.
pub fn is_in_memory(folder: &Path) -> io::Result<bool> {
    let kind = rustix::fs::statfs(folder)?.f_type;
    // As wide as the platform likes; the numbers have 32 bits.
    Ok(IN_MEMORY.contains(&(kind as u32)))
}
