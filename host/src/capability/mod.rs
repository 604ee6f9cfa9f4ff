//! What a component may ask of the host, one file each, policy included.
//!
//! Every interface here is reached through an import of the component; those
//! that have effects outside ([`store`], [`mail`], [`process`], [`http`]) also need a grant of the operator's,
//! which is checked when the component is loaded and again at every use.

use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::bundled::BUNDLED;
use crate::upload::Delivery;

pub mod files;
pub mod grant;
pub mod http;
pub mod log;
pub mod mail;
pub mod offline;
pub mod output;
pub mod process;
pub mod progress;
pub mod settings;
pub mod store;

pub use grant::{Grants, MailGrant, StoreGrant};

use files::Files;
use http::{Http, Wiretap};
use log::Log;
use mail::{Mail, MailServer, Mailer};
use offline::Offline;
use process::keeper::Keeper;
use process::{Process, Runner};
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
    /// The way to the mail server.
    pub mailer: Mailer,
    /// Who ends commands when the server was killed.
    pub keeper: Keeper,
    /// Who sees requests or answers them; nobody on a server.
    pub wiretap: Option<Arc<dyn Wiretap>>,
}

impl Facilities {
    /// Files go below `upload_folder`, into folders that are named with the
    /// key `secret`, and messages to `mail`.
    ///
    /// # Errors
    /// The working folder, where the path starts, is gone.
    pub fn new(upload_folder: &Path, mail: MailServer, secret: String) -> io::Result<Self> {
        Ok(Self {
            upload_folder: path::absolute(upload_folder)?,
            secret,
            mailer: Mailer::new(mail),
            keeper: Keeper::default(),
            wiretap: None,
        })
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
    /// `wasi:http`
    pub http: Http,
    /// `store`
    pub store: Store,
    /// `mail`
    pub mail: Mail,
    /// `process`
    pub process: Process,
}

impl Capabilities {
    /// Those of a call for `delivery`. While the camera still waits
    /// (`in_check`) there are no bytes, no notes and no effects. `command` is what
    /// `process` runs, `wall` how long the call may take; `offline` hears of a network
    /// that is down.
    #[allow(clippy::too_many_arguments, reason = "one for each thing that a capability needs")]
    pub fn new(
        delivery: &Arc<Delivery>,
        in_check: bool,
        settings: Arc<str>,
        grants: &Grants,
        facilities: &Arc<Facilities>,
        command: &Option<Arc<Runner>>,
        wall: Duration,
        offline: &Offline,
    ) -> Self {
        let store =
            Store::new(delivery.clone(), in_check, grants.store.clone(), facilities.clone());
        Self {
            settings: Settings::new(settings),
            log: Log::new(delivery.clone()),
            progress: Progress::new(delivery.clone(), in_check),
            files: Files::new(delivery.clone(), in_check),
            http: Http::new(
                delivery.clone(),
                in_check,
                grants.http.clone(),
                wall,
                offline.clone(),
                facilities.wiretap.clone(),
            ),
            mail: Mail::new(
                delivery.clone(),
                in_check,
                grants.mail.clone(),
                facilities.clone(),
                offline.clone(),
            ),
            process: Process::new(
                delivery.clone(),
                in_check,
                command.clone().filter(|_| grants.process),
                store.kept(),
                facilities.keeper.clone(),
            ),
            store,
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
        let table = match Self::is_of_plugin(delivery) {
            true => format!("PLUGINS.{}", delivery.action.plugin),
            false => delivery.action.plugin.to_uppercase(),
        };
        tracing::warn!(
            action = %delivery.action,
            "{} refused; to allow it, add to [{table}]: {}",
            self.what,
            self.remedy
        );
        format!("{} is not granted", self.what)
    }

    /// Whether the operator grants in `[PLUGINS.name]`; the grants of bundled
    /// actions follow from their settings in `[NAME]`.
    pub fn is_of_plugin(delivery: &Delivery) -> bool {
        !BUNDLED.iter().any(|bundled| bundled.name == delivery.action.plugin)
    }
}
