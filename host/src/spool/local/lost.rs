//! `lost+found/`: what lies in the spool and in no ledger. Nothing that may have
//! heard OK is removed by a start, least of all on the word of a ledger that may
//! be damaged; it is set aside, for `queue adopt` or for hands, and removed when
//! it has lain there for long.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::LOST;
use super::manifest::Manifests;

/// How long something lies in `lost+found/`.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A clock that says less was never set: 2025.
const PLAUSIBLE: Duration = Duration::from_secs(1_735_689_600);

/// The manifest of what lies in a folder of `lost+found/`; hidden, as no file of
/// a camera is.
pub(super) const MANIFEST: &str = ".manifest";

/// The same of one that nobody vouched for.
pub(super) const UNSURE: &str = ".manifest.new";

/// Sets things aside.
pub(super) struct LostAndFound {
    folder: PathBuf,
    manifests: Manifests,
}

impl LostAndFound {
    pub(super) fn of(root: &Path) -> Self {
        Self { folder: root.join(LOST), manifests: Manifests::of(root) }
    }

    /// Sets the folder or file `path` aside, with the manifest of `upload`.
    ///
    /// # Errors
    /// The disk's; it lies where it was.
    pub(super) fn set_aside(&self, path: &Path, upload: &str) -> io::Result<PathBuf> {
        let place = self.place(upload)?;
        if path.is_dir() {
            fs::rename(path, &place)?;
        } else {
            fs::create_dir(&place)?;
            fs::rename(path, place.join(path.file_name().unwrap_or_default()))?;
        }
        for (from, name) in
            [(self.manifests.path(upload), MANIFEST), (self.manifests.unsure(upload), UNSURE)]
        {
            if from.exists() {
                fs::rename(from, place.join(name))?;
            }
        }
        stamp(&place)?;
        Ok(place)
    }

    /// Sets `files` of the post `upload` aside that the ledger does not have,
    /// with a copy of its manifest.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn set_files_aside(&self, files: &[PathBuf], upload: &str) -> io::Result<PathBuf> {
        let place = self.place(upload)?;
        fs::create_dir(&place)?;
        for file in files {
            fs::rename(file, place.join(file.file_name().unwrap_or_default()))?;
        }
        if self.manifests.path(upload).exists() {
            fs::copy(self.manifests.path(upload), place.join(MANIFEST))?;
        }
        stamp(&place)?;
        Ok(place)
    }

    /// A name that nothing has yet: `name`, `name-2`, ...
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn place(&self, name: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
        let mut places = names.map(|name| self.folder.join(name));
        Ok(places.find(|place| fs::symlink_metadata(place).is_err()).unwrap_or_default())
    }

    /// What lies here, oldest upload first.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn entries(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        // Ids begin with the time.
        paths.sort();
        Ok(paths)
    }

    /// Removes what has lain here for too long.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn expire(&self, now: SystemTime) -> io::Result<()> {
        let plausible = SystemTime::UNIX_EPOCH + PLAUSIBLE;
        if now < plausible {
            return Ok(());
        }
        for path in self.entries()? {
            let since = fs::symlink_metadata(&path)?.modified()?;
            if since < plausible {
                // Set aside before a clock without a battery was set.
                stamp(&path)?;
            } else if now.duration_since(since).is_ok_and(|lain| lain > KEPT) {
                let removed = match path.is_dir() {
                    true => fs::remove_dir_all(&path),
                    false => fs::remove_file(&path),
                };
                match removed {
                    Ok(()) => tracing::warn!("{}: lay there for 30 days; removed", path.display()),
                    Err(error) => tracing::warn!("{}: {error}", path.display()),
                }
            }
        }
        Ok(())
    }
}

/// Lets the time begin that `path` lies here.
fn stamp(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_there_goes_after_thirty_days_of_a_clock_that_was_set() {
        let root = tempfile::tempdir().unwrap();
        let lost = LostAndFound::of(root.path());
        let leftover = root.path().join("leftover");
        let set_aside = |modified: SystemTime| {
            fs::create_dir(&leftover).unwrap();
            let place = lost.set_aside(&leftover, "leftover").unwrap();
            File::open(&place).unwrap().set_modified(modified).unwrap();
            place
        };
        let now = SystemTime::now();
        let old = set_aside(now - KEPT - Duration::from_secs(60));
        let young = set_aside(now - KEPT + Duration::from_secs(60));
        let unset = set_aside(SystemTime::UNIX_EPOCH + Duration::from_secs(60));
        lost.expire(SystemTime::UNIX_EPOCH + Duration::from_secs(120)).unwrap();
        assert!(old.exists(), "a clock that was not set decides nothing");
        lost.expire(now).unwrap();
        assert!(!old.exists() && young.exists() && unset.exists());
        lost.expire(now).unwrap();
        assert!(unset.exists(), "its time has begun when the clock was set");
    }
}
