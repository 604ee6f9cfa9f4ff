//! An upload from a folder, in place of a camera's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::action_name::ActionName;
use crate::digest;
use crate::file_name;
use crate::upload::{Delivery, File, FileNotes, Origin, Upload, WorkingCopy};

/// Describes the upload; every other file of the folder is one of its files.
const DESCRIPTION: &str = "upload.toml";

/// `upload.toml`. What it does not say is the same at every run, so that a
/// test case that was recorded today passes tomorrow.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields, default)]
struct Description {
    /// Id of the delivery.
    id: String,
    /// Which attempt this is.
    attempt: u32,
    /// Who sends.
    sender: String,
    /// Recipients of an e-mail.
    recipients: Vec<String>,
    /// Its subject.
    subject: String,
    /// Its text, or that of a post.
    body: String,
    /// Service of the sharing menu; makes it a post instead of an e-mail.
    service: Option<String>,
    /// Camera model.
    camera: Option<String>,
    /// RFC 3339.
    received_at: String,
    /// Media types by file name, where the file's ending does not tell.
    content_types: BTreeMap<String, String>,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            id: "00000000-0000-7000-8000-000000000001".to_owned(),
            attempt: 1,
            sender: "Camera@samsungcamera.com".to_owned(),
            recipients: vec!["try@example.org".to_owned()],
            subject: "A photo".to_owned(),
            body: "Sent from a fixture".to_owned(),
            service: None,
            camera: None,
            received_at: "2015-06-01T12:00:00Z".to_owned(),
            content_types: BTreeMap::new(),
        }
    }
}

/// A folder of its own that goes with the value.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let name = format!("afterimage-{}", uuid::Uuid::now_v7());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The upload in `folder` as a delivery of `action`, its files copied below
/// `scratch` as a camera's would lie in the spool.
pub(super) fn delivery(
    folder: &Path,
    action: &ActionName,
    notes: Option<&str>,
    scratch: &Path,
) -> anyhow::Result<Arc<Delivery>> {
    let description: Description = match fs::read_to_string(folder.join(DESCRIPTION)) {
        Ok(text) => {
            toml::from_str(&text).with_context(|| folder.join(DESCRIPTION).display().to_string())?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Description::default(),
        Err(error) => bail!("{}: {error}", folder.join(DESCRIPTION).display()),
    };
    let place = scratch.join("files");
    fs::create_dir(&place)?;
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let written = entry.file_name().to_string_lossy().into_owned();
        if written == DESCRIPTION || written.starts_with('.') || !entry.path().is_file() {
            continue;
        }
        let Some(name) = file_name::safe(&written) else {
            bail!("{}: no camera's file is called that", entry.path().display());
        };
        let size = fs::copy(entry.path(), place.join(&name))?;
        let sha256 = digest::sha256_of(fs::File::open(place.join(&name))?)?;
        let content_type = match description.content_types.get(&written) {
            Some(content_type) => content_type.clone(),
            None => content_type(&name).to_owned(),
        };
        files.push(File { name, content_type, size, sha256 });
    }
    let received_at = humantime::parse_rfc3339(&description.received_at)
        .with_context(|| format!("RECEIVED_AT = {:?}", description.received_at))?;
    let origin = match description.service {
        Some(service) => Origin::Social { service, session: "try".to_owned() },
        None => Origin::Email,
    };
    let is_email = origin == Origin::Email;
    let recipients = if is_email { description.recipients } else { Vec::new() };
    let upload = Upload {
        id: description.id.clone(),
        origin,
        sender: description.sender,
        recipients: recipients.clone(),
        subject: if is_email { description.subject } else { String::new() },
        body: description.body,
        camera: description.camera,
        received_at,
        files,
        attributes: Vec::new(),
    };
    let notes_file = scratch.join("notes");
    if let Some(notes) = notes {
        fs::write(&notes_file, notes)?;
    }
    Ok(Arc::new(Delivery {
        id: description.id,
        attempt: description.attempt,
        action: action.clone(),
        upload: Arc::new(upload),
        recipients,
        folders: None,
        copy: WorkingCopy::of(place),
        notes: Arc::new(FileNotes(notes_file)),
    }))
}

/// Media type of a file that a camera makes, by its ending.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "mp4" => "video/mp4",
        "avi" => "video/x-msvideo",
        _ => "application/octet-stream",
    }
}
