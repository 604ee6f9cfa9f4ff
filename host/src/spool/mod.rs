//! Uploads from the camera's first byte to the end of their deliveries, across
//! crashes. Knows of neither HTTP nor wasm.
//!
//! This folder says what a spool *is*: the words ([`Lease`], [`Claim`],
//! [`Outcome`], [`State`]) and the promises ([`Spool`], [`Sessions`],
//! [`Queue`]), which `conformance` tests on whatever keeps them. [`local`] keeps
//! them in a folder of one machine. Another spool is another folder beside it
//! and one more line in [`open`] and [`queue()`]: all that waits for a disk or
//! a network is `async`, no path leads in but through a
//! [`WorkingCopy`](crate::upload::WorkingCopy), and whoever was too slow
//! hears [`SpoolError::TakenOver`].

mod accept;
mod backup;
mod claim;
#[cfg(test)]
mod conformance;
mod error;
mod lease;
pub mod local;
mod queue;
mod sessions;
mod space;
mod state;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use accept::{Accepted, Planned, Post, Repeats, Wait, beside};
pub use backup::{BackupCamera, Sight, Sighting};
pub use claim::{Claim, Due, Outcome, Pause, Recorded};
pub use error::SpoolError;
pub use lease::{Lease, LeasedFile, Place, Sink};
pub use queue::{
    Adopted, Dropped, Entry, EntryFile, Figure, PausedAction, Queue, QueueError, Retried,
};
pub use sessions::{Announcement, Sessions};
pub use space::{FreeSpace, is_in_memory};
pub use state::State;

use crate::upload::{File, Notes, Upload, WorkingCopy};

/// Opens the spool in the folder `root`, creating what is missing, and holds it
/// against other servers.
///
/// # Errors
/// It cannot be used; the words say what to do.
pub async fn open(root: &Path) -> Result<Arc<dyn Spool>, SpoolError> {
    let root = root.to_owned();
    let opened = tokio::task::spawn_blocking(move || local::LocalSpool::open(&root)).await;
    Ok(Arc::new(opened.map_err(std::io::Error::other)??))
}

/// The queue of the spool in the folder `root`, whether a server runs or not.
///
/// # Errors
/// There is none, or it cannot be read.
pub async fn queue(root: &Path) -> Result<Box<dyn Queue>, QueueError> {
    Ok(Box::new(local::LocalQueue::open(root).await?))
}

/// The secret of the spool in the folder `root`, made if there is none, whether
/// a server runs or not.
///
/// # Errors
/// The disk's.
pub async fn secret(root: &Path) -> Result<String, SpoolError> {
    local::secret(root).await
}

/// Puts uploads back into the queue of the spool in the folder `root` that lie
/// in it and that its ledger does not know: those that are called `names`, or
/// all. With the server stopped, it makes a new ledger where the old one is
/// lost or damaged.
///
/// # Errors
/// The disk's.
pub async fn adopt(root: &Path, names: Vec<String>) -> Result<Vec<Adopted>, QueueError> {
    let root = root.to_owned();
    let adopted = tokio::task::spawn_blocking(move || local::adopt(&root, &names)).await;
    adopted.map_err(|error| SpoolError::Disk(error.into()))?
}

/// What the server keeps between cameras and actions.
#[async_trait]
pub trait Spool: Send + Sync {
    /// A place for an upload that is about to come. Nothing of it is kept
    /// before its first file is complete, or has 512 KiB.
    ///
    /// # Errors
    /// The spool takes no uploads now.
    fn begin(&self) -> Result<Lease, SpoolError>;

    /// Makes `upload` durable together with its deliveries. When this returns
    /// `Ok`, it survives whatever happens. When not, nothing of it is left.
    ///
    /// # Errors
    /// The disk's.
    async fn accept(
        &self,
        upload: &Upload,
        lease: Lease,
        planned: Vec<Planned>,
        repeats: Repeats,
    ) -> Result<Accepted, SpoolError>;

    /// The post of this session and service that waits for more files.
    ///
    /// # Errors
    /// The ledger's.
    async fn post(&self, service: &str, session: &str) -> Result<Option<Post>, SpoolError>;

    /// Whether every file of `upload`, a post's, came lately with the same
    /// session and text.
    ///
    /// # Errors
    /// The ledger's.
    async fn is_repeat(&self, upload: &Upload, window: Duration) -> Result<bool, SpoolError>;

    /// Adds the files of `lease` to `post`, under the names of `files`; it
    /// then waits as `wait` says. `false` when the post was closed meanwhile;
    /// `lease` has its files again then, and may be accepted by itself.
    ///
    /// # Errors
    /// The disk's; the post is then as it was.
    async fn extend(
        &self,
        post: &Post,
        lease: &Lease,
        files: Vec<File>,
        wait: Wait,
    ) -> Result<bool, SpoolError>;

    /// Takes up what an earlier run left: deliveries that were under way are
    /// queued again, leftovers are set aside. Answers the actions that parked
    /// deliveries wait for and that are not in `actions`.
    ///
    /// # Errors
    /// The disk's.
    async fn recover(&self, actions: Vec<String>) -> Result<Vec<String>, SpoolError>;

    /// Closes posts whose time is up, takes up to `places` deliveries that can
    /// go now, which are then marked as being delivered, and tells when the next
    /// thing is due.
    ///
    /// # Errors
    /// The ledger's.
    async fn claim(&self, places: usize) -> Result<Due, SpoolError>;

    /// The files of a delivery that was claimed, each as long as the camera
    /// sent it. They stay as long as the copy.
    ///
    /// # Errors
    /// [`SpoolError::Gone`], or the disk's.
    async fn open(&self, upload: &Upload) -> Result<WorkingCopy, SpoolError>;

    /// What an action remembers of a delivery.
    fn notes(&self, delivery: &str) -> Arc<dyn Notes>;

    /// Writes down what became of a delivery, and with it whether its action
    /// is called from now on.
    ///
    /// # Errors
    /// The ledger's; [`SpoolError::TakenOver`] when nothing was written because
    /// the delivery is somebody else's by now.
    async fn record(
        &self,
        claim: &Claim,
        outcome: Outcome,
        pause: Option<(String, Duration)>,
        keep_files: Duration,
    ) -> Result<Recorded, SpoolError>;

    /// Removes what a delivered `claim` leaves behind: its notes, and with
    /// `finished` the files of its upload.
    ///
    /// # Errors
    /// The disk's.
    async fn remove(&self, claim: &Claim, finished: bool) -> Result<(), SpoolError>;

    /// Removes files and receipts that were kept for long enough.
    ///
    /// # Errors
    /// The disk's.
    async fn clean(&self, keep_files: Duration, keep_receipts: Duration) -> Result<(), SpoolError>;

    /// The pause of `action`, if it is paused.
    ///
    /// # Errors
    /// The ledger's.
    async fn paused(&self, action: &str) -> Result<Option<Pause>, SpoolError>;

    /// Moves everything that is set for a time by `milliseconds`, after the
    /// clock jumped by as much.
    ///
    /// # Errors
    /// The ledger's.
    async fn shift(&self, milliseconds: i64) -> Result<(), SpoolError>;

    /// Whether another process has changed the queue since the last question.
    ///
    /// # Errors
    /// The ledger's.
    async fn is_changed(&self) -> Result<bool, SpoolError>;

    /// How many deliveries are not delivered: those that wait, and those that
    /// wait for an operator. What other processes change is known when
    /// [`Spool::is_changed`] has noticed it.
    fn undelivered(&self) -> usize;

    /// Notes what was seen of a camera that backs up. It may be lost with the
    /// power.
    ///
    /// # Errors
    /// The ledger's.
    async fn sighted(&self, sighting: Sighting) -> Result<(), SpoolError>;

    /// The server's own secret, made at its first start: 64 hexadecimal digits.
    ///
    /// # Errors
    /// The disk's.
    async fn secret(&self) -> Result<String, SpoolError>;

    /// The sessions of cameras.
    ///
    /// # Errors
    /// The disk's.
    async fn sessions(&self) -> Result<Arc<dyn Sessions>, SpoolError>;
}
