//! What tells, without the ledger, whose the files of an upload are and where
//! they go: a small file for each upload, from which `queue adopt` puts it back
//! into the queue when the ledger is lost or damaged. Beside the uploads' own
//! folders, which actions see.
//!
//! A line is a record, with the beginning of its SHA-256 in front: a torn or
//! flipped one is told from a good one and left out. It is written and synced
//! beside the sync of the upload's folder, which waits for the same journal
//! commit of the file system, so that a camera does not wait longer for it. It
//! is *vouched for*, by a rename that nobody waits for, once the ledger has the
//! upload and before its camera hears OK: what is in no ledger and vouched for
//! has been lost by the ledger, what is not is a leftover of a crash.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{MANIFESTS, gone_already};
use crate::digest;
use crate::spool::Planned;
use crate::upload::{self, Upload};

/// Digits of a line's SHA-256 that stand before it.
const DIGITS: usize = 16;

/// Ending of a manifest that nobody vouches for.
const UNSURE: &str = "new";

/// Largest manifest that is read, in bytes: a text of the largest request and a
/// hundred files are far below.
const LARGEST: u64 = 8 << 20;

/// A line of a manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The first: what came, and the deliveries that it shall have.
    Upload(Box<Upload>, Vec<Destination>),
    /// Files that joined the post.
    Files(Vec<upload::File>),
    /// The delivery of this id is delivered.
    Delivered(String),
}

/// A delivery that an upload shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Destination {
    /// Its id.
    pub(super) id: String,
    /// What shall be done.
    pub(super) action: String,
    /// The recipients that map to the action.
    pub(super) recipients: Vec<String>,
    /// Folders for what it stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) folders: Option<String>,
}

impl From<&Planned> for Destination {
    fn from(planned: &Planned) -> Self {
        let Planned { id, action, recipients, folders, .. } = planned;
        Self {
            id: id.clone(),
            action: action.to_string(),
            recipients: recipients.clone(),
            folders: folders.clone(),
        }
    }
}

/// What a manifest says.
#[derive(Debug)]
pub(super) struct Manifest {
    /// What came. Of a post, files that joined it and were sent back are among
    /// its files, and not in its folder.
    pub(super) upload: Upload,
    /// The deliveries that it shall have.
    pub(super) destinations: Vec<Destination>,
    /// Those of them that are delivered.
    pub(super) delivered: HashSet<String>,
}

impl Manifest {
    /// What the manifest at `path` says, none if it says nothing that can be
    /// relied on.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, LARGEST), &mut bytes)?;
        let mut lines = bytes.split(|byte| *byte == b'\n').map(parse);
        let Some(Some(Line::Upload(upload, destinations))) = lines.next() else {
            return Ok(None);
        };
        let mut manifest = Self { upload: *upload, destinations, delivered: HashSet::new() };
        for line in lines.flatten() {
            match line {
                // A name that comes again is that of a file that was sent again.
                Line::Files(files) => {
                    let known = &mut manifest.upload.files;
                    known.retain(|known| files.iter().all(|file| file.name != known.name));
                    known.extend(files);
                }
                Line::Delivered(id) => drop(manifest.delivered.insert(id)),
                Line::Upload(..) => {}
            }
        }
        Ok(Some(manifest))
    }
}

fn parse(line: &[u8]) -> Option<Line> {
    let (digits, json) = line.split_at_checked(DIGITS)?;
    let json = json.strip_prefix(b" ")?;
    if digest::sha256(json).as_bytes().get(..DIGITS)? != digits {
        return None;
    }
    serde_json::from_slice(json).ok()
}

fn written(line: &Line) -> Vec<u8> {
    let json = serde_json::to_string(line).expect("texts, numbers and times are JSON");
    format!("{} {json}\n", &digest::sha256(json.as_bytes())[..DIGITS]).into_bytes()
}

/// The manifests of a spool.
#[derive(Debug, Clone)]
pub(super) struct Manifests(PathBuf);

impl Manifests {
    /// Those of the spool at `root`.
    pub(super) fn of(root: &Path) -> Self {
        Self(root.join(MANIFESTS))
    }

    /// The folder of them all.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// The manifest of `upload` that is vouched for.
    pub(super) fn path(&self, upload: &str) -> PathBuf {
        self.0.join(upload)
    }

    /// The manifest of `upload` that nobody vouches for.
    pub(super) fn unsure(&self, upload: &str) -> PathBuf {
        self.0.join(format!("{upload}.{UNSURE}"))
    }

    /// The upload that the manifest called `name` is of, and whether it is
    /// vouched for.
    pub(super) fn upload(name: &str) -> (&str, bool) {
        match name.strip_suffix(UNSURE).and_then(|name| name.strip_suffix('.')) {
            Some(upload) => (upload, false),
            None => (name, true),
        }
    }

    /// Writes that of `upload`, durably; nobody vouches for it yet.
    ///
    /// # Errors
    /// The disk's; the upload must then be refused.
    pub(super) fn write(&self, upload: &Upload, to: Vec<Destination>) -> io::Result<()> {
        let path = self.unsure(&upload.id);
        let line = written(&Line::Upload(Box::new(upload.clone()), to));
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&line)?;
        file.sync_data()
    }

    /// Writes those of uploads that the ledger has, and vouches for them; on
    /// disk when [`Manifests::sync`] returns.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn restore(&self, manifest: &Manifest) -> io::Result<()> {
        let Manifest { upload, destinations, delivered } = manifest;
        let mut lines = written(&Line::Upload(Box::new(upload.clone()), destinations.clone()));
        for id in delivered {
            lines.extend(written(&Line::Delivered(id.clone())));
        }
        let path = self.unsure(&upload.id);
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(&lines)?;
        fs::rename(path, self.path(&upload.id))
    }

    /// Brings to the disk what was restored.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.0)?)?)
    }

    /// Vouches for that of `upload`, which the ledger has. Survives the end of
    /// the process, not that of the machine: the next start vouches again.
    pub(super) fn vouch(&self, upload: &str) {
        if let Err(error) = fs::rename(self.unsure(upload), self.path(upload)) {
            tracing::debug!("manifest of {upload}: {error}");
        }
    }

    /// Notes that `files` join the post `upload`, durably.
    ///
    /// # Errors
    /// The disk's; the files must then not join it.
    pub(super) fn grow(&self, upload: &str, files: &[upload::File]) -> io::Result<()> {
        self.append(upload, &Line::Files(files.to_vec()))
    }

    /// Notes that the delivery `id` is delivered, durably.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn note_delivered(&self, upload: &str, id: &str) -> io::Result<()> {
        self.append(upload, &Line::Delivered(id.to_owned()))
    }

    /// Of an upload without a manifest there is nothing to be noted.
    fn append(&self, upload: &str, line: &Line) -> io::Result<()> {
        let open = |path: PathBuf| File::options().append(true).open(path);
        let opened = match open(self.path(upload)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => open(self.unsure(upload)),
            opened => opened,
        };
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        // What a full disk has torn must not spoil this line.
        let line = [b"\n", &written(line)[..]].concat();
        file.write_all(&line)?;
        file.sync_data()
    }

    /// Removes that of `upload`.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn remove(&self, upload: &str) -> io::Result<()> {
        gone_already(fs::remove_file(self.unsure(upload)))?;
        gone_already(fs::remove_file(self.path(upload)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::upload::Origin;

    fn upload() -> Upload {
        Upload {
            id: "u".to_owned(),
            origin: Origin::Social { service: "facebook".to_owned(), session: "s".to_owned() },
            sender: "a@example.org".to_owned(),
            recipients: Vec::new(),
            subject: String::new(),
            body: "text".to_owned(),
            camera: None,
            received_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            files: vec![file("A.JPG", "1")],
            attributes: Vec::new(),
        }
    }

    fn file(name: &str, sha256: &str) -> upload::File {
        let content_type = "image/jpeg".to_owned();
        upload::File { name: name.to_owned(), content_type, size: 1, sha256: sha256.to_owned() }
    }

    fn to() -> Vec<Destination> {
        vec![Destination {
            id: "d".to_owned(),
            action: "store".to_owned(),
            recipients: Vec::new(),
            folders: None,
        }]
    }

    #[test]
    fn what_was_noted_is_read_again_and_damaged_lines_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let manifests = Manifests::of(root.path());
        fs::create_dir(manifests.folder()).unwrap();
        manifests.write(&upload(), to()).unwrap();
        manifests.grow("u", &[file("B.JPG", "2")]).unwrap();
        manifests.vouch("u");
        manifests.grow("u", &[file("C.JPG", "3")]).unwrap();
        manifests.grow("u", &[file("B.JPG", "4")]).unwrap();
        manifests.note_delivered("u", "d").unwrap();
        let path = manifests.path("u");
        let read = || Manifest::read(&path).unwrap();
        let manifest = read().unwrap();
        assert_eq!(manifest.upload.received_at, upload().received_at);
        assert_eq!((manifest.upload.origin, manifest.destinations), (upload().origin, to()));
        let files = [file("A.JPG", "1"), file("C.JPG", "3"), file("B.JPG", "4")];
        assert_eq!(manifest.upload.files, files);
        assert!(manifest.delivered.contains("d"));

        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("C.JPG", "D.JPG")).unwrap();
        let names: Vec<String> =
            read().unwrap().upload.files.into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["A.JPG", "B.JPG"]);
        fs::write(&path, text.replace("A.JPG", "D.JPG")).unwrap();
        assert!(read().is_none(), "without its first line it says nothing");
        fs::write(&path, [0xff; 100]).unwrap();
        assert!(read().is_none());
    }

    #[test]
    fn a_manifest_that_was_written_before_is_read_for_ever() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("u");
        let json = concat!(
            r#"{"upload":[{"id":"u","origin":"Email","sender":"a@example.org","recipients":[],"#,
            r#""subject":"","body":"text","camera":null,"received_at":{"secs_since_epoch":1,"#,
            r#""nanos_since_epoch":500000000},"files":[{"name":"A.JPG","content_type":"image/jpeg","#,
            r#""size":1,"sha256":"1"}]},[{"id":"d","action":"store","recipients":[]}]]}"#
        );
        let digits = &digest::sha256(json.as_bytes())[..DIGITS];
        fs::write(&path, format!("{digits} {json}\n")).unwrap();
        let manifest = Manifest::read(&path).unwrap().unwrap();
        assert_eq!(manifest.upload.files, upload().files);
        assert_eq!((manifest.upload.origin, manifest.destinations), (Origin::Email, to()));
    }
}
