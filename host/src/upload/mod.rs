//! The words that all parts share: an upload, its files, and its delivery.

mod notes;
mod working_copy;

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::action_name::ActionName;

pub use notes::{FileNotes, Notes};
pub use working_copy::WorkingCopy;

/// What a camera sent in one go, complete on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    /// Time-ordered unique id (UUID version 7).
    pub id: String,
    /// The way it came.
    pub origin: Origin,
    /// Sender's address, in the spelling of the operator's list.
    pub sender: String,
    /// Addresses of an e-mail upload as the camera sent them; empty otherwise.
    pub recipients: Vec<String>,
    /// Subject of an e-mail upload; empty otherwise.
    pub subject: String,
    /// Text without the marker that cameras add.
    pub body: String,
    /// Camera model, when known.
    pub camera: Option<String>,
    /// When its first byte came.
    pub received_at: SystemTime,
    /// Its files in the order of the camera.
    pub files: Vec<File>,
    /// What else the camera told, by name.
    #[serde(default)]
    pub attributes: Vec<(String, String)>,
}

/// The way an upload came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The camera's e-mail function.
    Email,
    /// The camera's sharing function.
    Social {
        /// Service chosen on the camera: `facebook`, `picasa`, ...
        service: String,
        /// A digest of the key of the camera's session: uploads of one session,
        /// service and text belong to one post.
        session: String,
    },
}

impl Origin {
    /// Whether uploads of one session belong together, so that none may ever
    /// overtake another. The files of a card do not.
    pub fn is_of_a_session(&self) -> bool {
        matches!(self, Self::Social { service, .. } if service != AUTO_BACKUP)
    }
}

/// Service under which uploads of Auto Backup come.
pub const AUTO_BACKUP: &str = "autobackup";

/// One file of an upload; its bytes lie in the upload's folder under `name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Safe file name, unique within the upload.
    pub name: String,
    /// Normalised media type.
    pub content_type: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// One action applied to one upload.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Unique and stable over all attempts.
    pub id: String,
    /// 1 at the first attempt, 0 while the camera still waits.
    pub attempt: u32,
    /// What shall be done.
    pub action: ActionName,
    /// With what.
    pub upload: Arc<Upload>,
    /// The recipients of the upload that map to this action.
    pub recipients: Vec<String>,
    /// Folders below the action's own for what it stores, fixed when the upload
    /// was accepted.
    pub folders: Option<String>,
    /// The upload's files; none while the camera still waits.
    pub copy: WorkingCopy,
    /// What the action keeps through `progress`.
    pub notes: Arc<dyn Notes>,
}
