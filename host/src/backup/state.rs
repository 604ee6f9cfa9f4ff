//! What all requests share.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Intake;
use super::announced::Announcements;
use super::didl::Object;
use super::peers::Peer;
use super::reply::Refused;
use super::settings::Settings;
use crate::camera::capture::Captures;
use crate::camera::unknown_requests::UnknownRequests;
use crate::pairing::Udn;
use crate::upload::{AUTO_BACKUP, File, Origin, Upload};

/// Uploads of one camera at once. They come one after the other.
const AT_ONCE: usize = 4;

/// Everything that a request may need.
pub(super) struct State<I> {
    pub(super) settings: Arc<Settings>,
    pub(super) udn: Udn,
    pub(super) intake: I,
    pub(super) announcements: Announcements,
    pub(super) unknown_requests: UnknownRequests,
    pub(super) captures: Option<Captures>,
    uploads: Mutex<HashMap<Ipv4Addr, usize>>,
}

impl<I: Intake> State<I> {
    pub(super) fn new(settings: Arc<Settings>, udn: Udn, intake: I) -> Self {
        let captures = settings.capture_folder.as_deref().map(Captures::new).transpose();
        let captures = captures.unwrap_or_else(|error| {
            tracing::warn!("CAPTURE_FOLDER: {error}; Auto Backup is not captured");
            None
        });
        Self {
            settings,
            udn,
            intake,
            announcements: Announcements::default(),
            unknown_requests: UnknownRequests::new(),
            captures,
            uploads: Mutex::default(),
        }
    }

    /// A turn to send a file, as long as the answer lives.
    pub(super) fn turn(&self, camera: Ipv4Addr) -> Result<Turn<'_>, Refused> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let count = uploads.entry(camera).or_default();
        if *count >= AT_ONCE {
            return Err(Refused::TooMany(AT_ONCE));
        }
        *count += 1;
        Ok(Turn { uploads: &self.uploads, camera })
    }
}

/// A turn of a camera to send a file.
pub(super) struct Turn<'a> {
    uploads: &'a Mutex<HashMap<Ipv4Addr, usize>>,
    camera: Ipv4Addr,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = uploads.get_mut(&self.camera) {
            *count -= 1;
            if *count == 0 {
                uploads.remove(&self.camera);
            }
        }
    }
}

/// The upload of one file of `object`. Files of one camera and sender keep
/// their order, so these are its session.
pub(super) fn upload(
    id: &str,
    peer: &Peer,
    object: &Object,
    files: Vec<File>,
    received_at: SystemTime,
) -> Upload {
    let date = object.date.map(|date| ("date".to_owned(), date.to_string()));
    let class = Some(&object.class).filter(|class| !class.is_empty());
    let class = class.map(|class| ("class".to_owned(), class.clone()));
    Upload {
        id: id.to_owned(),
        origin: Origin::Social {
            service: AUTO_BACKUP.to_owned(),
            session: format!("{} {}", peer.address, peer.sender),
        },
        sender: peer.sender.clone(),
        recipients: Vec::new(),
        subject: String::new(),
        body: String::new(),
        camera: peer.model.clone(),
        received_at,
        files,
        attributes: date.into_iter().chain(class).collect(),
    }
}
