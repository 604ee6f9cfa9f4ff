//! `store`: keeping files below `UPLOAD_FOLDER`.
//!
//! Threat: a guest, or a camera through it, that wants to write elsewhere or
//! over something. So the host alone decides on the folder, a name is one
//! safe part of a path, and nothing is ever replaced. Consequence for whoever
//! watches the folder: a file appears under its final name when it is durable
//! and complete, with exactly one `close_write`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use sha2::Sha256;
use wasmtime::component::HasSelf;

use super::call::{Call, Grant, Guest, Interface};
use super::wall::Wall;
use super::{Facilities, StoreGrant};
use crate::contract::{self, store::StoreError};
use crate::digest;
use crate::file_name;
use crate::upload;

/// Folder below `UPLOAD_FOLDER` where copies grow. On the same file system as
/// their place, and out of sight of a watcher of that place.
pub const GROWING: &str = ".growing";

/// Bytes of a copy that are brought to the disk at once: some seconds of the
/// slowest cards.
const PIECE: u64 = 16 << 20;

/// Names tried before giving up on a name that is taken.
const NUMBERS: usize = 10_000;

/// `store` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "store",
        link: |linker| {
            contract::store::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().store
            })
        },
        grant: Some(Grant {
            example: "STORE = \"folder\"",
            shown: |grants| {
                grants.store.as_ref().map(|grant| match grant {
                    StoreGrant::Folder(folder) => format!("STORE = {folder:?}"),
                    StoreGrant::InstanceOrSender => {
                        "STORE, a folder of the instance or the sender".to_owned()
                    }
                })
            },
        }),
    }
}

/// The folder that one call may keep files in.
pub struct Store {
    call: Call,
    grant: Option<StoreGrant>,
    facilities: Arc<Facilities>,
    kept: Kept,
}

/// Where the files of one call were kept, by index.
pub(super) type Kept = Arc<Mutex<BTreeMap<u32, PathBuf>>>;

impl Store {
    pub(super) fn new(call: Call, grant: Option<StoreGrant>, facilities: Arc<Facilities>) -> Self {
        Self { call, grant, facilities, kept: Kept::default() }
    }

    /// Where this call keeps files, as it goes on.
    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    fn folder(&self) -> Result<String, String> {
        let own = self.own_folder()?;
        Ok(match &self.call.delivery.folders {
            Some(folders) => format!("{own}/{folders}"),
            None => own,
        })
    }

    fn own_folder(&self) -> Result<String, String> {
        match (&self.grant, &self.call.delivery.action.instance) {
            (None, _) => {
                let plugin = &self.call.delivery.action.plugin;
                Err(self.call.refuse("store", &format!("ALLOW = {{ STORE = \"{plugin}\" }}")))
            }
            (Some(StoreGrant::Folder(folder)), _) => Ok(folder.clone()),
            (Some(StoreGrant::InstanceOrSender), Some(instance)) => Ok(instance.clone()),
            (Some(StoreGrant::InstanceOrSender), None) => {
                Ok(sender_folder(&self.facilities.secret, &self.call.delivery.upload.sender))
            }
        }
    }
}

impl contract::store::Host for Store {
    async fn put(
        &mut self,
        file: u32,
        name: String,
    ) -> wasmtime::Result<Result<String, StoreError>> {
        let folder = match self.call.allows("kept").and_then(|()| self.folder()) {
            Ok(folder) => folder,
            Err(denied) => return Ok(Err(StoreError::Denied(denied))),
        };
        let index = file;
        let Some(file) = self.call.delivery.upload.files.get(index as usize).cloned() else {
            return Ok(Err(StoreError::NoSuchFile));
        };
        if !file_name::is_safe(&name) {
            let text = format!("{name:?} is not the name of one visible file of at most 128 bytes");
            return Ok(Err(StoreError::InvalidName(text)));
        }
        let source = self.call.delivery.copy.path(&file);
        let root = self.facilities.upload_folder.clone();
        let again = self.kept.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&index);
        let pace = Pace { wall: self.call.wall.clone(), again };
        let kept = tokio::task::spawn_blocking(move || {
            let kept = keep(&source, &file, &root, &folder, &name, &pace)?;
            Ok(format!("{folder}/{kept}"))
        })
        .await?;
        if let Ok(place) = &kept {
            let place = self.facilities.upload_folder.join(place);
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(index, place);
        }
        Ok(kept.map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::Io(error.to_string()),
        }))
    }
}

/// Folder of a sender: 20 characters that nobody can guess without `secret`
/// (`protocol.md` 7, rule 8).
fn sender_folder(secret: &str, sender: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(sender.as_bytes());
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..15])
}

/// Keeps a copy of `source` in `root/folder` under `name` or a numbered name,
/// and returns the name.
fn keep(
    source: &Path,
    file: &upload::File,
    root: &Path,
    folder: &str,
    name: &str,
    pace: &Pace,
) -> io::Result<String> {
    let place = root.join(folder);
    make_folders(root, folder)?;
    let mut growing: Option<Growing> = None;
    for number in 1..=NUMBERS {
        let name = if number == 1 { name.to_owned() } else { file_name::numbered(name, number) };
        let target = place.join(&name);
        if fs::symlink_metadata(&target).is_ok() {
            if has_content(&target, file)? {
                // Kept by an earlier attempt that may not have come this far.
                sync_folder(&target)?;
                return Ok(name);
            }
            continue;
        }
        let copy = match growing.take() {
            Some(copy) => copy,
            None => Growing::copy(source, root, pace)?,
        };
        match copy.publish(&target)? {
            Published::Yes => return Ok(name),
            // Somebody was quicker; look at what they put there.
            Published::Taken(copy) => {
                growing = Some(copy);
                if has_content(&target, file)? {
                    sync_folder(&target)?;
                    return Ok(name);
                }
            }
        }
    }
    Err(io::Error::other(format!("{NUMBERS} files are called {name} already")))
}

/// Makes `folder` below `root`, durably: each new one is synced into the one
/// that holds it.
fn make_folders(root: &Path, folder: &str) -> io::Result<()> {
    if root.join(folder).is_dir() {
        return Ok(());
    }
    fs::create_dir_all(root)?;
    let mut place = root.to_owned();
    for name in folder.split('/') {
        let parent = place.clone();
        place.push(name);
        match fs::create_dir(&place) {
            Ok(()) => File::open(parent)?.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What a copy owes to the call that asked for it.
struct Pace {
    wall: Wall,
    /// Whether this call has kept the file before: a guest that asks for copy
    /// after copy does not move on.
    again: bool,
}

impl Pace {
    /// # Errors
    /// The call is over, and with it the copy.
    fn moved_on(&self) -> io::Result<()> {
        if self.wall.is_over() {
            return Err(io::Error::other("the call that it was copied for is over"));
        }
        if !self.again {
            self.wall.moved_on();
        }
        Ok(())
    }
}

/// A durable copy without a name of its own yet.
struct Growing {
    path: PathBuf,
    /// Open for writing until the copy has its name: closing is what tells a
    /// watcher of `close_write`, and it must tell the final name.
    file: File,
}

enum Published {
    Yes,
    Taken(Growing),
}

impl Growing {
    fn copy(source: &Path, root: &Path, pace: &Pace) -> io::Result<Self> {
        let growing = root.join(GROWING);
        if !growing.is_dir() {
            // Another disk has come in the place of the one before.
            fs::create_dir_all(&growing).map_err(|error| named(&growing, error))?;
        }
        let path = growing.join(uuid::Uuid::now_v7().to_string());
        let mut original = File::open(source).map_err(|error| named(source, error))?;
        let file = File::create_new(&path).map_err(|error| named(&path, error))?;
        let mut copy = Self { file, path };
        // Shares the blocks but not the inode, where the file system can.
        if rustix::fs::ioctl_ficlone(&copy.file, &original).is_err() {
            while io::copy(&mut Read::by_ref(&mut original).take(PIECE), &mut copy.file)? == PIECE {
                // What only the memory has is no progress on a slow disk.
                copy.file.sync_data()?;
                pace.moved_on()?;
            }
        }
        copy.file.sync_all()?;
        Ok(copy)
    }

    fn publish(self, target: &Path) -> io::Result<Published> {
        match rustix::fs::renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Published::Taken(self)),
            // Network file systems cannot; there a link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS) => match fs::hard_link(&self.path, target) {
                Ok(()) => {
                    sync_folder(target)?;
                    // The open file has its old name; this tells the watcher the new one.
                    drop(File::options().append(true).open(target)?);
                    return Ok(Published::Yes);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Ok(Published::Taken(self));
                }
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error.into()),
        }
        sync_folder(target)?;
        Ok(Published::Yes)
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Gone already where it got its name.
        let _ = fs::remove_file(&self.path);
    }
}

/// `error` with the path that it is of.
fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn sync_folder(of: &Path) -> io::Result<()> {
    File::open(of.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn has_content(path: &Path, file: &upload::File) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() != file.size {
        return Ok(false);
    }
    Ok(digest::sha256_of(File::open(path)?)? == file.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_sender_is_that_of_the_old_server() {
        // protocol.md 7, rule 8
        assert_eq!(
            sender_folder("xiev5kaMeehaimub", "Camera@samsungcamera.com"),
            "yZXbyiz-pZX2DqmBjoRl"
        );
    }
}
