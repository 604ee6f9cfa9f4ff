//! Uploads on disk, from the camera's first byte to the end of their
//! deliveries. Knows of neither HTTP nor wasm.

mod incoming;
mod sessions;
mod space;

pub use incoming::{Incoming, IncomingFile};
pub use sessions::{Announcement, Sessions};
pub use space::FreeSpace;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// The server's folder on disk.
pub struct Spool {
    root: PathBuf,
    /// Held as long as the server lives.
    _lock: File,
}

impl Spool {
    /// Opens the spool at `root`, creating what is missing, and removes what a
    /// crash left half-written.
    ///
    /// # Errors
    /// The folder cannot be written, or another server uses it.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let lock = File::options().create(true).append(true).open(root.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            io::Error::other("another server uses this folder; stop it or set SPOOL_FOLDER")
        })?;
        let spool = Self { root: root.to_owned(), _lock: lock };
        for entry in fs::read_dir(root)? {
            let name = entry?.file_name();
            if name == "incoming" {
                fs::remove_dir_all(spool.incoming())?;
            }
        }
        fs::create_dir_all(spool.incoming())?;
        Ok(spool)
    }

    /// A place for an upload that is about to come.
    ///
    /// # Errors
    /// The disk's.
    pub async fn begin(&self) -> io::Result<Incoming> {
        Incoming::create(&self.incoming()).await
    }

    /// The sessions of cameras.
    ///
    /// # Errors
    /// The disk's.
    pub fn sessions(&self) -> io::Result<Sessions> {
        Sessions::open(&self.root.join("sessions.sqlite"))
    }

    /// Folder of compiled plugins.
    pub fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }

    /// The server's own secret, made at its first start: 64 hexadecimal digits.
    ///
    /// # Errors
    /// The disk's.
    pub fn secret(&self) -> io::Result<String> {
        use std::io::{Read, Write};
        use std::os::unix::fs::OpenOptionsExt;

        let path = self.root.join("secret");
        match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut random = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let secret = crate::digest::hex(&random);
        let new = self.root.join("secret.new");
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.root)?.sync_all()?;
        Ok(secret)
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }
}
