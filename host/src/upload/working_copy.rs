//! The bytes of an upload as a call finds them: a folder, for as long as the
//! call lasts. Where a spool keeps them otherwise is its own affair, so nothing
//! but a working copy may lead to a path of theirs.

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::File;

/// A folder with the files of one upload and nothing else. Clones share it; it
/// may be gone when the last one is.
#[derive(Clone)]
pub struct WorkingCopy {
    folder: Arc<Path>,
    /// Removes what was made for the call, or keeps it alive.
    _held: Option<Arc<dyn Any + Send + Sync>>,
}

impl WorkingCopy {
    /// The files lie in `folder` anyway.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder: folder.into(), _held: None }
    }

    /// The files lie in `folder` until `held` is dropped.
    pub fn held(folder: PathBuf, held: Arc<dyn Any + Send + Sync>) -> Self {
        Self { folder: folder.into(), _held: Some(held) }
    }

    /// That of a call that must see no bytes: below a device nothing can lie.
    pub fn none() -> Self {
        Self::of(PathBuf::from("/dev/null"))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where `file` lies.
    pub fn path(&self, file: &File) -> PathBuf {
        self.folder.join(&file.name)
    }
}

impl fmt::Debug for WorkingCopy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.fmt(formatter)
    }
}
