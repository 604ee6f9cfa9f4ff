//! The folder of stored pictures, and no way out of it.
//!
//! Threat: an address with `..`, a link that a script or a camera left in the
//! folder, a hidden file. The kernel resolves each path below the folder and
//! follows no link (`openat2`), so nothing has to be recognised here.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

/// Entries of one folder that are looked at; more are told of, not shown.
pub const MOST: usize = 20_000;

/// What lies in a folder.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Length in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: SystemTime,
}

/// What lies below `root` at `parts`: folders first, then files, the newest
/// first.
///
/// # Errors
/// Nothing is there, or it is no folder.
pub fn list(root: &Path, parts: &[String]) -> io::Result<Vec<Entry>> {
    let folder = open(root, parts, OFlags::DIRECTORY)?;
    let mut entries = Vec::new();
    for entry in fs::read_dir(descriptor(&folder))?.take(MOST) {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What grows, and what an operator hides.
        if name.starts_with('.') {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if !(metadata.is_file() || metadata.is_dir()) {
            continue;
        }
        entries.push(Entry {
            name,
            is_folder: metadata.is_dir(),
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        });
    }
    entries.sort_by(|a, b| {
        (b.is_folder.cmp(&a.is_folder))
            .then_with(|| b.modified.cmp(&a.modified))
            .then_with(|| a.name.cmp(&b.name))
    });
    Ok(entries)
}

/// The file below `root` at `parts`.
///
/// # Errors
/// Nothing is there, or it is no file.
pub fn file(root: &Path, parts: &[String]) -> io::Result<File> {
    // A pipe that somebody put there would hold the opener for ever.
    let file = open(root, parts, OFlags::NONBLOCK)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

fn open(root: &Path, parts: &[String], flags: OFlags) -> io::Result<File> {
    let hidden = |part: &String| part.starts_with('.') || part.contains(['/', '\0']);
    if parts.iter().any(hidden) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    let top = openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let below: PathBuf = [".".to_owned()].iter().chain(parts).collect();
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(&top, &below, flags, Mode::empty(), within)?.into())
}

fn descriptor(folder: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    // The folder that was opened, whatever has its name by now.
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn there_is_no_way_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/photo.jpg"), "p").unwrap();
        fs::write(root.path().join(".hidden"), "h").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.path().join("a/l")).unwrap();

        assert!(file(root.path(), &parts("a/photo.jpg")).is_ok());
        let name = outside.path().file_name().unwrap().to_str().unwrap();
        for path in [
            "link/secret",
            "a/l",
            ".hidden",
            "a/../.hidden",
            &format!("../{name}/secret"),
            "a/../../etc/passwd",
            "a",
            "a/photo.jpg/x",
            "",
        ] {
            assert!(file(root.path(), &parts(path)).is_err(), "{path}");
        }
        let listed: Vec<String> =
            list(root.path(), &[]).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(listed, ["a"]);
    }
}
