//! Free space that uploads leave on the disk.

use std::io;
use std::path::PathBuf;

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
