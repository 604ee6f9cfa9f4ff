//! What the operator grants an action beyond computing; nothing by default.

use std::sync::Arc;

use super::http::HttpGrant;
use crate::folder_pattern::FolderPattern;

/// What an action may ask of the host beyond computing; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Where `store.put` may keep files.
    pub store: Option<StoreGrant>,
    /// Folders below that, made of each upload when it is accepted.
    pub folders: Option<FolderPattern>,
    /// Whom `mail.send` may write to.
    pub mail: Option<MailGrant>,
    /// Whether `process.run` may run the action's command.
    pub process: bool,
    /// What `wasi:http` may reach.
    pub http: Option<Arc<HttpGrant>>,
}

/// Whom `mail.send` may write to: the upload's recipients and these.
#[derive(Debug, Clone, Default)]
pub struct MailGrant {
    /// Addresses, in any case.
    pub recipients: Vec<String>,
}

/// Where `store.put` may keep files.
#[derive(Debug, Clone)]
pub enum StoreGrant {
    /// In a folder named after the instance or, without one, after the sender.
    InstanceOrSender,
    /// In this folder below `UPLOAD_FOLDER`.
    Folder(String),
}
