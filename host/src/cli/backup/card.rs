//! A camera's memory card. Nothing on it is trusted: no link is followed, and
//! one file is written, under another name first.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::pairing::{Model, named_by_card};

/// Where a card tells which camera it is of: most models, and the NX500.
const DEVICE_FILES: [&[&str]; 2] =
    [&["system", "device.xml"], &["config", "RVF", "xml", "DeviceDescription.xml"]];

/// Where photos are.
const PHOTOS: &str = "DCIM";

/// Largest file that is read, in bytes.
const LARGEST: u64 = 64 << 10;

/// Name of the new file while it is written.
const GROWING: &str = "AFTERIMG.TMP";

/// A folder that may be a card.
pub(super) struct Card {
    path: PathBuf,
    root: OwnedFd,
}

/// What became of the card.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The file is new, or was another server's.
    New,
    /// It was there with these bytes.
    Already,
}

impl Card {
    /// The card at `path`.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let root = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(io::Error::from)
            .with_context(|| {
                format!("{}: the folder of the card cannot be opened", path.display())
            })?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// What the card says about its camera, if it does.
    pub(super) fn camera(&self) -> Option<String> {
        DEVICE_FILES.iter().find_map(|path| named_by_card(&self.read(path).ok()??))
    }

    /// Whether a camera has photos here.
    pub(super) fn has_photos(&self) -> bool {
        find(&self.root, PHOTOS).is_ok_and(|found| found.is_some())
    }

    /// The text of a file, whatever the case of its path; none if there is none.
    fn read(&self, path: &[&str]) -> io::Result<Option<String>> {
        let Some((file, folders)) = path.split_last() else { return Ok(None) };
        let mut folder = rustix::io::dup(&self.root)?;
        for name in folders {
            let Some(name) = find(&folder, name)? else { return Ok(None) };
            folder = open_folder(&folder, &name)?;
        }
        match find(&folder, file)? {
            Some(name) => read(&folder, &name).map(Some),
            None => Ok(None),
        }
    }

    /// Where the pairing goes: names that are there are kept in their case,
    /// new ones are those of `model`.
    ///
    /// # Errors
    /// The folder is a link, or cannot be read.
    pub(super) fn place(&self, model: &Model) -> anyhow::Result<(String, String)> {
        let spelling = |folder: &OwnedFd, wanted: &str| -> io::Result<String> {
            Ok(find(folder, wanted)?.unwrap_or_else(|| wanted.to_owned()))
        };
        let at = || self.path.display().to_string();
        let folder = spelling(&self.root, model.folder).with_context(at)?;
        let file = match open_folder(&self.root, &folder) {
            Ok(opened) => spelling(&opened, model.file).with_context(at)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => model.file.to_owned(),
            Err(error) => bail!(
                "{}: {folder} is not a folder of the card, or a link out of it: {error}; remove it",
                self.path.display()
            ),
        };
        Ok((folder, file))
    }

    /// Puts `text` where a camera looks for it, durably.
    ///
    /// # Errors
    /// The card's.
    pub(super) fn write(&self, folder: &str, file: &str, text: &str) -> io::Result<Written> {
        match rustix::fs::mkdirat(&self.root, folder, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = open_folder(&self.root, folder)?;
        if read(&folder, file).is_ok_and(|found| found == text) {
            return Ok(Written::Already);
        }
        // Of a call that was ended in the middle.
        let _ = rustix::fs::unlinkat(&folder, GROWING, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let growing = rustix::fs::openat(
            &folder,
            GROWING,
            flags | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o644),
        )?;
        let mut growing = File::from(growing);
        growing.write_all(text.as_bytes())?;
        growing.sync_all()?;
        rustix::fs::renameat(&folder, GROWING, &folder, file)?;
        rustix::fs::fsync(&folder)?;
        rustix::fs::fsync(&self.root)?;
        Ok(Written::New)
    }
}

/// The name of an entry as it stands in `folder`: exactly `wanted`, or else in
/// another case.
fn find(folder: &OwnedFd, wanted: &str) -> io::Result<Option<String>> {
    let mut found = None;
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = String::from_utf8_lossy(entry.file_name().to_bytes()).into_owned();
        if name == wanted {
            return Ok(Some(name));
        }
        // The first in the order of their names, whatever the disk's order.
        if name.eq_ignore_ascii_case(wanted) && found.as_ref().is_none_or(|known| name < *known) {
            found = Some(name);
        }
    }
    Ok(found)
}

fn open_folder(parent: &OwnedFd, name: impl AsRef<OsStr>) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name.as_ref(), flags, Mode::empty())?)
}

fn read(folder: &OwnedFd, name: &str) -> io::Result<String> {
    // Not to wait for the other side of a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::pairing::USUAL;

    #[test]
    fn names_that_are_there_are_kept_and_nothing_else_is_written() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir(folder.path().join("Dlna_Web_Root")).unwrap();
        let existing = folder.path().join("Dlna_Web_Root/samsungautobackupdesc.ini");
        fs::write(&existing, "another server's").unwrap();
        let card = Card::open(folder.path()).unwrap();
        let (place, file) = card.place(&USUAL).unwrap();
        assert_eq!((place.as_str(), file.as_str()), ("Dlna_Web_Root", "samsungautobackupdesc.ini"));
        assert_eq!(card.write(&place, &file, "text\r\n").unwrap(), Written::New);
        assert_eq!(card.write(&place, &file, "text\r\n").unwrap(), Written::Already);
        assert_eq!(fs::read_to_string(&existing).unwrap(), "text\r\n");
        assert_eq!(fs::read_dir(existing.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_not_followed() {
        let outside = tempfile::TempDir::new().unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("DLNA_WEB_ROOT")).unwrap();
        let card = Card::open(folder.path()).unwrap();
        assert!(card.place(&USUAL).is_err());
        assert!(card.write("DLNA_WEB_ROOT", "x.ini", "text").is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
