//! Compiled components on disk.
//!
//! A compiled component is native code: whoever can change one runs code as
//! the server. So the folder is the server's alone (mode 0700), nobody can
//! give one in `config.toml`, and each carries a checksum, since the engine
//! was seen to load a file with 64 flipped bytes.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest;

/// Drafts of this age were left by a crash: compiling takes a minute at most.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Entries that were not loaded for this long are removed.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A private folder of compiled components.
#[derive(Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes `folder` private and removes what nobody needs any more.
    ///
    /// # Errors
    /// It cannot be made, or belongs to somebody else.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        if fs::metadata(&folder)?.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("belongs to another user"));
        }
        let cache = Self { folder };
        cache.sweep()?;
        Ok(cache)
    }

    /// Where the compiled form of a component with this SHA-256 lies. The
    /// engine's hash covers its exact version, which the file's header does not.
    pub fn place(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{sha256}-{:016x}.cwasm", hasher.finish()))
    }

    /// A file for a compiler to write into.
    ///
    /// # Errors
    /// The disk's.
    pub fn draft(&self) -> io::Result<(PathBuf, File)> {
        let path = self.folder.join(format!("{}.new", uuid::Uuid::now_v7()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok((path, file))
    }

    /// Gives what the compiler wrote its place.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&self, draft: &Path, place: &Path) -> io::Result<()> {
        File::open(draft)?.sync_all()?;
        let sum = checksum(draft)?;
        fs::rename(draft, place)?;
        let sum_draft = draft.with_extension("sum");
        fs::write(&sum_draft, sum)?;
        fs::rename(sum_draft, sum_place(place))
    }

    /// The component at `place`, none if it is not there.
    ///
    /// # Errors
    /// It is there and not whole, or the machine does not let it run.
    pub fn load(&self, engine: &Engine, place: &Path) -> Result<Option<Component>, String> {
        let Ok(sum) = fs::read_to_string(sum_place(place)) else { return Ok(None) };
        match checksum(place) {
            Ok(found) if found == sum => {}
            Ok(_) => return Err("it is damaged".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        }
        // Marks it as used, for the sweep.
        for file in [place, &sum_place(place)] {
            let file = File::options().append(true).open(file);
            let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
        }
        #[allow(unsafe_code, reason = "the engine can only load compiled code so")]
        // SAFETY: the file was written by this program's compiler child into a
        // folder that only this user can enter, its bytes are those that were
        // written then, and files in it are replaced by rename, never changed.
        let component = unsafe { Component::deserialize_file(engine, place) };
        component.map(Some).map_err(|error| format!("{error:#}"))
    }

    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let draft = entry.path().extension().is_some_and(|e| e == "new");
            let limit = if draft { ABANDONED } else { UNUSED };
            // Another process that tries plugins may be faster.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.modified()?.elapsed().is_ok_and(|age| age > limit) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

fn sum_place(place: &Path) -> PathBuf {
    place.with_extension("sha256")
}

fn checksum(path: &Path) -> io::Result<String> {
    digest::sha256_of(File::open(path)?)
}
