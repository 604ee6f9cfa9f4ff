//! The queue as operators see and change it, while the server runs or not.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use serde::Serialize;

use super::{BackupCamera, SpoolError, State};

/// The queue of one spool.
#[async_trait]
pub trait Queue: Send + Sync {
    /// What is not delivered yet, in the order of arrival; with `all` the
    /// receipts too.
    ///
    /// # Errors
    /// The ledger's.
    async fn list(&self, all: bool) -> Result<Vec<Entry>, QueueError>;

    /// The delivery with this number or id.
    ///
    /// # Errors
    /// There is none.
    async fn show(&self, name: &str) -> Result<Entry, QueueError>;

    /// Actions that are paused.
    ///
    /// # Errors
    /// The ledger's.
    async fn paused(&self) -> Result<Vec<PausedAction>, QueueError>;

    /// Tries a delivery again now, as if it were new, and ends the pause of its
    /// action.
    ///
    /// # Errors
    /// It is delivered or under way.
    async fn retry(&self, name: &str) -> Result<Retried, QueueError>;

    /// Tries everything again that waits, was rejected or is parked; how many.
    ///
    /// # Errors
    /// The ledger's.
    async fn retry_all(&self) -> Result<usize, QueueError>;

    /// Gives a delivery up. Its upload's files go with the last one.
    ///
    /// # Errors
    /// It is delivered or under way.
    async fn give_up(&self, name: &str) -> Result<Dropped, QueueError>;

    /// Copies the files of a delivery's upload into `folder`, which is made if
    /// need be; nothing there is replaced. The copies.
    ///
    /// # Errors
    /// The files are gone or damaged, or a copy cannot be written.
    async fn export(&self, name: &str, folder: &Path) -> Result<Vec<PathBuf>, QueueError>;

    /// The cameras that came by Auto Backup, the last one first.
    ///
    /// # Errors
    /// The ledger's.
    async fn backup_cameras(&self) -> Result<Vec<BackupCamera>, QueueError>;

    /// Forgets which files came by Auto Backup, all or those of `sender`; how
    /// many.
    ///
    /// # Errors
    /// The ledger's.
    async fn forget_backups(&self, sender: Option<&str>) -> Result<usize, QueueError>;

    /// What was delivered last, the newest first, `most` at most.
    ///
    /// # Errors
    /// The ledger's.
    async fn delivered(&self, most: usize) -> Result<Vec<Entry>, QueueError>;

    /// Name and bytes of the file at `index` of a delivery's upload.
    ///
    /// # Errors
    /// There is none, or it is no longer kept.
    async fn file(&self, name: &str, index: usize) -> Result<(String, File), QueueError>;

    /// How many deliveries each action has in each state, without reading each.
    ///
    /// # Errors
    /// The ledger's.
    async fn figures(&self) -> Result<Vec<Figure>, QueueError>;

    /// Another number when anything changed since it was asked last.
    ///
    /// # Errors
    /// The ledger's.
    async fn changes(&self) -> Result<i64, QueueError>;
}

/// Deliveries of one action in one state.
#[derive(Debug)]
pub struct Figure {
    /// Its name.
    pub action: String,
    /// Where they stand.
    pub state: State,
    /// How many.
    pub count: u64,
    /// Their attempts, together.
    pub attempts: u64,
    /// When the camera sent the oldest.
    pub oldest: SystemTime,
}

/// Why the queue could not be seen or changed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No server has run with this folder.
    #[error("{} has no queue; has a server run with this configuration?", .0.display())]
    NoLedger(PathBuf),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Nothing has this number or id.
    #[error("no delivery {0}; `afterimage queue list --all` shows those that there are")]
    Unknown(String),
    /// Nothing of this name was set aside.
    #[error(
        "{}: there is no {name}; `afterimage queue adopt` takes all that is there",
        place.display()
    )]
    NotLost {
        /// The name.
        name: String,
        /// Where it was looked for.
        place: PathBuf,
    },
    /// It is under way.
    #[error("delivery {0} is being delivered now; try again when that has ended")]
    Busy(i64),
    /// It is done.
    #[error("delivery {0} is delivered; there is nothing to {1}")]
    Delivered(i64, &'static str),
    /// The files are gone.
    #[error("the files of delivery {0} are no longer kept: they were delivered")]
    NoFiles(i64),
    /// A file cannot be copied.
    #[error("{}: {error}", path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl From<io::Error> for QueueError {
    fn from(error: io::Error) -> Self {
        Self::Spool(error.into())
    }
}

/// A delivery and its upload, as an operator sees them.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Number in the order of arrival; names the delivery in commands.
    pub number: i64,
    /// Its id, the one that the action sees.
    pub id: String,
    /// The upload's id.
    pub upload: String,
    /// Where it stands.
    pub state: State,
    /// What shall be done.
    pub action: String,
    /// Whether the action is paused.
    pub paused: bool,
    /// Attempts so far.
    pub attempt: u32,
    /// When the next one is, RFC 3339; none unless it waits for one.
    pub next_attempt: Option<String>,
    /// Why the last one failed, or what was rejected.
    pub reason: Option<String>,
    /// The receipt's line.
    pub receipt: Option<String>,
    /// The receipt's links.
    pub links: Vec<String>,
    /// When it was delivered, rejected or parked, RFC 3339.
    pub ended: Option<String>,
    /// When the camera sent it, RFC 3339.
    pub received: String,
    /// `email`, or the service of the sharing menu.
    pub origin: String,
    /// Sender's address.
    pub sender: String,
    /// Camera model, when known.
    pub camera: Option<String>,
    /// The recipients that map to the action.
    pub recipients: Vec<String>,
    /// Subject of an e-mail.
    pub subject: String,
    /// Text.
    pub body: String,
    /// The files.
    pub files: Vec<EntryFile>,
    /// Whether their bytes are still in the spool.
    pub has_files: bool,
}

/// A file of an [`Entry`].
#[derive(Debug, Clone, Serialize)]
pub struct EntryFile {
    /// Its name.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// An action that is not called for now.
#[derive(Debug, Serialize)]
pub struct PausedAction {
    /// Its name.
    pub action: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Its last failure.
    pub reason: String,
    /// When one delivery is tried, RFC 3339.
    pub next_probe: String,
}

/// What [`Queue::retry`] does.
#[derive(Debug)]
pub struct Retried {
    /// The delivery's number.
    pub number: i64,
    /// Deliveries that it may not overtake and that go first.
    pub behind: usize,
}

/// Something that lay in `lost+found/`, or was set aside there.
#[derive(Debug, Serialize)]
pub struct Adopted {
    /// Where it lay.
    pub place: PathBuf,
    /// Whose upload it is, as far as it tells.
    pub sender: Option<String>,
    /// Its files that are in the queue again.
    pub files: Vec<String>,
    /// Numbers of its deliveries that are in the queue again.
    pub deliveries: Vec<i64>,
    /// What could not be put back, and why.
    pub left: Vec<String>,
}

/// What [`Queue::give_up`] removed.
#[derive(Debug)]
pub struct Dropped {
    /// The delivery's number.
    pub number: i64,
    /// Whether its upload's files went with it.
    pub with_files: bool,
}
