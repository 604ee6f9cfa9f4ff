//! What cameras that logged in are remembered by, across restarts: who, since
//! when, and the files they have announced (`protocol.md` 7).

use std::time::Duration;

use async_trait::async_trait;

use super::SpoolError;

/// A session ends after this long without a request.
pub(super) const IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// A session that has been used this lately never makes room for another.
pub(super) const IN_USE: Duration = Duration::from_secs(10 * 60);

/// Sessions of one user, and of all, above which idle ones make room; their
/// cameras would have to log in again.
pub(super) const PER_USER: usize = 32;
pub(super) const IN_ALL: usize = 4096;

/// Announced files remembered of one session.
pub(super) const ANNOUNCED: usize = 128;

/// A file that a camera has announced and will send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Service chosen on the camera.
    pub service: String,
    /// Safe name of the file.
    pub file_name: String,
    /// Camera model, when the camera says it.
    pub camera: Option<String>,
    /// Text of the post.
    pub content: String,
}

/// The sessions of all cameras. What is kept of a key tells nobody the key.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Begins a session of `user`, who logged in to `service`; its key, 128
    /// random bits as 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// The disk's.
    async fn begin(&self, user: &str, service: &str) -> Result<String, SpoolError>;

    /// The user of the session, if there is one; it is not idle then.
    ///
    /// # Errors
    /// The disk's.
    async fn user(&self, key: &str) -> Result<Option<String>, SpoolError>;

    /// Ends a session. One that does not exist has ended already.
    ///
    /// # Errors
    /// The disk's.
    async fn end(&self, key: &str) -> Result<(), SpoolError>;

    /// Remembers that `announcement` will come under `resource`, a name that
    /// an address can hold. Another file of the session under this name makes
    /// it a name with a number; the one to use is answered.
    ///
    /// # Errors
    /// The disk's.
    async fn announce(
        &self,
        key: &str,
        resource: &str,
        announcement: Announcement,
    ) -> Result<String, SpoolError>;

    /// What was announced under `resource` in this session. Stays announced:
    /// the camera may send it again.
    ///
    /// # Errors
    /// The disk's.
    async fn announcement(
        &self,
        key: &str,
        resource: &str,
    ) -> Result<Option<Announcement>, SpoolError>;

    /// What the session announced last; of one that has announced nothing, the
    /// service of its login and no more.
    ///
    /// # Errors
    /// The disk's.
    async fn latest(&self, key: &str) -> Result<Option<Announcement>, SpoolError>;
}
