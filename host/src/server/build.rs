//! From a configuration to what runs of it. All of this may fail, and nothing
//! of it touches what runs already.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::action_name::ActionName;
use crate::camera::settings::{Senders, Services};
use crate::capability::{Facilities, store};
use crate::config::Config;
use crate::current::Current;
use crate::delivery::Routes;
use crate::plugin::{Action, Actions, Loader};
use crate::spool::{self, Sessions, Spool, SpoolError};

use super::components::Components;

/// A configuration that cannot work on this machine: a folder, a component, a
/// port.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub(super) String);

/// What is opened once, at start, and is the same after every reload.
pub(super) struct Ground {
    pub(super) spool: Arc<dyn Spool>,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) loader: Loader,
    /// Key of the folder names that `store` makes.
    pub(super) secret: String,
}

impl Ground {
    /// Opens the folders of `config`.
    pub(super) async fn open(config: &Config) -> Result<Self, Unusable> {
        let folder = &config.spool_folder;
        let of_spool = |error: SpoolError| Unusable(format!("SPOOL_FOLDER: {error}"));
        // The lock first: nothing of a server that runs already is touched.
        let spool = spool::open(folder).await.map_err(of_spool)?;
        prepare(&config.upload_folder)
            .map_err(|error| unusable("UPLOAD_FOLDER", &config.upload_folder, &error))?;
        if spool::is_in_memory(folder).unwrap_or(false) {
            tracing::error!(
                "SPOOL_FOLDER: {} is in memory: photos that a camera was told are sent are LOST \
                 when the machine stops before they are delivered; set SPOOL_FOLDER to a folder \
                 on a disk",
                folder.display()
            );
        }
        let secret = match &config.secret {
            Some(secret) => secret.clone(),
            None => spool.secret().await.map_err(of_spool)?,
        };
        let sessions = spool.sessions().await.map_err(of_spool)?;
        let compiled = folder.join("compiled");
        let loader = Loader::new(compiled, folder.join("scratch"))
            .map_err(|error| Unusable(format!("{error:#}")))?;
        Ok(Self { spool, sessions, loader, secret })
    }
}

/// What a configuration comes to, whole and ready to be taken up.
pub(super) struct Built {
    pub(super) config: Config,
    pub(super) facilities: Arc<Facilities>,
    pub(super) actions: HashMap<ActionName, Arc<Action>>,
    pub(super) components: Components,
}

/// Builds what `config` says. What runs of `before` is used again where it is
/// the same: connections to a mail server are kept.
///
/// # Errors
/// What the operator has to correct.
pub(super) async fn build(
    config: Config,
    ground: &Ground,
    before: Option<&Built>,
) -> Result<Built, Unusable> {
    if let Some(problem) = config.unreadable.first() {
        return Err(Unusable(problem.clone()));
    }
    // Looked at first: what changes while it is loaded is loaded again.
    let components = Components::of(&config).await;
    let kept = before.filter(|before| before.config.mail == config.mail);
    let facilities = match kept {
        Some(before) => before.facilities.clone(),
        None => {
            // The folder is one of the keys that count at the next start.
            let uploads = before.map_or(&config.upload_folder, |b| &b.facilities.upload_folder);
            let made = Facilities::new(uploads, config.mail.clone(), ground.secret.clone());
            Arc::new(made.map_err(|error| Unusable(format!("UPLOAD_FOLDER: {error}")))?)
        }
    };
    let actions = ground.loader.actions(&config.actions, &facilities).await;
    let actions = actions.map_err(|error| Unusable(error.to_string()))?;
    Ok(Built { config, facilities, actions, components })
}

/// Where the parts that run look for what a reload may change.
pub(super) struct Live {
    pub(super) actions: Arc<Actions>,
    pub(super) routes: Arc<Current<Routes>>,
    pub(super) senders: Senders,
    pub(super) services: Services,
}

impl Live {
    /// Begins with what `built` says.
    pub(super) fn new(built: &Built) -> Self {
        let Config { camera, routes, .. } = &built.config;
        let live = Self {
            actions: Arc::new(Actions::new(HashMap::new())),
            routes: Arc::new(Current::new(routes.clone())),
            senders: camera.senders.clone(),
            services: camera.services.clone(),
        };
        live.take_up(built);
        live
    }

    /// From now on what `built` says.
    pub(super) fn take_up(&self, built: &Built) {
        let Config { camera, routes, warnings, .. } = &built.config;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        match routes.email {
            Some(_) => tracing::info!("{}", routes.rest()),
            None => tracing::warn!("{}", routes.rest()),
        }
        // Routes only lead to actions that are there.
        self.actions.replace(built.actions.clone());
        self.routes.replace(routes.clone());
        self.senders.replace(&camera.senders);
        self.services.replace(&camera.services);
    }
}

/// Makes the folder of stored files, without what a crash left in it.
fn prepare(upload_folder: &Path) -> io::Result<()> {
    let growing = upload_folder.join(store::GROWING);
    fs::create_dir_all(&growing)?;
    fs::remove_dir_all(&growing)?;
    fs::create_dir(&growing)
}

pub(super) fn unusable(key: &str, folder: &Path, error: &io::Error) -> Unusable {
    let remedy = match error.kind() {
        // It says itself what to do.
        io::ErrorKind::ResourceBusy => String::new(),
        _ => format!("; make it writable for this user or set {key}"),
    };
    Unusable(format!("{key}: {} cannot be used: {error}{remedy}", folder.display()))
}
