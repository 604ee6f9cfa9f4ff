//! What a component may ask of the host, one file each, policy included.
//!
//! Every interface here is reached through an import of the component; those
//! that have effects outside ([`store`], [`mail`], [`process`], [`http`]) also need a grant of the operator's,
//! which is checked when the component is loaded and again at every use.

use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

pub mod call;
pub mod files;
pub mod grant;
pub mod http;
pub mod log;
pub mod mail;
pub mod offers;
pub mod offline;
pub mod output;
pub mod process;
pub mod progress;
pub mod settings;
pub mod store;
pub mod wall;

pub use grant::{Grants, MailGrant, StoreGrant};

use call::Call;
use files::Files;
use http::{Http, Wiretap};
use log::Log;
use mail::{Mail, MailServer, Mailer};
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
    /// Those of a `call`. `command` is what `process` runs.
    pub fn new(
        call: &Call,
        settings: Arc<str>,
        grants: &Grants,
        facilities: &Arc<Facilities>,
        command: &Option<Arc<Runner>>,
    ) -> Self {
        let store = Store::new(call.clone(), grants.store.clone(), facilities.clone());
        let wiretap = facilities.wiretap.clone();
        Self {
            settings: Settings::new(settings),
            log: Log::new(call.delivery.clone()),
            progress: Progress::new(call.clone()),
            files: Files::new(call.clone()),
            http: Http::new(call.clone(), grants.http.clone(), wiretap),
            mail: Mail::new(call.clone(), grants.mail.clone(), facilities.clone()),
            process: Process::new(
                call.clone(),
                command.clone().filter(|_| grants.process),
                store.kept(),
                facilities.keeper.clone(),
            ),
            store,
        }
    }
}
