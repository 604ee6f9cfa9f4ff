//! What an action remembers of one delivery between its attempts.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

/// The notes of one delivery. A crash leaves the old ones or the new ones.
#[async_trait]
pub trait Notes: fmt::Debug + Send + Sync {
    /// What was saved last, none if nothing was.
    ///
    /// # Errors
    /// The disk's. Without its notes an action would repeat what is done.
    async fn load(&self) -> io::Result<Option<Vec<u8>>>;

    /// Replaces what was saved; durable on return.
    ///
    /// # Errors
    /// The disk's; the old notes are still there then.
    async fn save(&self, notes: Vec<u8>) -> io::Result<()>;
}

/// Notes in a file of their own.
#[derive(Debug, Clone)]
pub struct FileNotes(pub PathBuf);

#[async_trait]
impl Notes for FileNotes {
    async fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match tokio::fs::read(&self.0).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    async fn save(&self, notes: Vec<u8>) -> io::Result<()> {
        let path = self.0.clone();
        tokio::task::spawn_blocking(move || replace(&path, &notes)).await?
    }
}

/// Replaces the file at `path` so that a crash leaves the old or the new.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    std::fs::File::open(folder)?.sync_all()
}
