//! What a component may ask of the host, one file each, policy included.
//!
//! Every interface here is reached through an import of the component; those
//! that have effects outside ([`store`]) also need a grant of the operator's,
//! which is checked when the component is loaded and again at every use.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, Grants};
use crate::upload::Delivery;

pub mod files;
pub mod log;
pub mod progress;
pub mod settings;
pub mod store;

use files::Files;
use log::Log;
use progress::Progress;
use settings::Settings;
use store::Store;

/// What the server has and lends, the same for all calls.
#[derive(Debug)]
pub struct Facilities {
    /// `UPLOAD_FOLDER`.
    pub upload_folder: PathBuf,
    /// Key of the folder names made from senders.
    pub secret: String,
}

impl Facilities {
    /// Those that `config` describes; `secret` is the key of folder names.
    pub fn of(config: &Config, secret: String) -> Self {
        Self { upload_folder: config.upload_folder.clone(), secret }
    }
}

/// The capabilities of one call.
pub struct Capabilities {
    /// `settings`
    pub settings: Settings,
    /// `log`, and what the guest prints
    pub log: Log,
    /// `progress`
    pub progress: Progress,
    /// `files`
    pub files: Files,
    /// `store`
    pub store: Store,
}

impl Capabilities {
    /// Those of a call for `delivery`. While the camera still waits
    /// (`in_check`) there are no bytes, no notes and no effects.
    pub fn new(
        delivery: &Arc<Delivery>,
        in_check: bool,
        settings: Arc<str>,
        grants: &Grants,
        facilities: &Arc<Facilities>,
    ) -> Self {
        Self {
            settings: Settings::new(settings),
            log: Log::new(delivery.clone()),
            progress: Progress::new(delivery.clone(), in_check),
            files: Files::new(delivery.clone(), in_check),
            store: Store::new(delivery.clone(), in_check, grants.store.clone(), facilities.clone()),
        }
    }
}

/// A use of a capability that the operator has not granted. One text for the
/// log, one for the guest; the guest's does not tell how to get around.
#[derive(Debug)]
pub struct Refusal {
    /// What was asked: `store`.
    pub what: &'static str,
    /// The line for `config.toml` that would allow it.
    pub remedy: String,
}

impl Refusal {
    /// Tells the operator and returns the text for the guest.
    pub fn report(self, delivery: &Delivery) -> String {
        tracing::warn!(
            action = %delivery.action,
            "{} refused; to allow it, add to [PLUGINS.{}]: {}",
            self.what,
            delivery.action.plugin,
            self.remedy
        );
        format!("{} is not granted", self.what)
    }
}
