//! What a spool remembers of Auto Backup beside uploads and deliveries: which
//! cameras came.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use serde::Serialize;

/// Something that was seen of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where it is.
    pub address: Ipv4Addr,
    /// Its model, if known.
    pub model: Option<String>,
    /// In whose name it sends.
    pub sender: String,
    /// When.
    pub at: SystemTime,
    /// What it did.
    pub sight: Sight,
}

/// What a camera did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It began a backup.
    Begun,
    /// It sent a file of this name.
    Sent(String),
    /// It said that its backup is done.
    Done,
}

/// A camera that was seen, as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct BackupCamera {
    /// Where it was.
    pub address: String,
    /// Its model, if known.
    pub model: Option<String>,
    /// In whose name it sent.
    pub sender: String,
    /// When it was seen last, RFC 3339.
    pub seen: String,
    /// When its last backup began, RFC 3339; none if it never did.
    pub begun: Option<String>,
    /// When that was done, RFC 3339; none while it goes on, or if it broke off.
    pub done: Option<String>,
    /// The last file that it sent.
    pub last_file: Option<String>,
    /// When, RFC 3339.
    pub last_file_at: Option<String>,
    /// Files that it sent, those that were known already included.
    pub files: u64,
    /// Its files that are on their way to their action.
    pub waiting: u64,
    /// Its files that wait for the operator.
    pub stuck: u64,
}
