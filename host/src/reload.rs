//! A running server that takes up changes: of a plugin's file at once, of
//! `config.toml` at SIGHUP.
//!
//! What is new is loaded, checked and compiled aside. If anything is wrong
//! with it, what runs stays, and the log says why.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;

use crate::capability::Facilities;
use crate::config::Config;
use crate::current::Current;
use crate::delivery::Routes;
use crate::plugin::{Actions, Loader, PluginSource};

/// Time between two looks at the files. A build tool writes for some of it;
/// a file is taken when it stayed the same from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// Where the configuration is from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file, none if there is none.
    pub path: Option<PathBuf>,
    /// `--listen`, which overrides the file.
    pub listen: Option<SocketAddr>,
}

impl Source {
    /// The configuration as it is written now.
    ///
    /// # Errors
    /// Anything the server could not run with.
    pub fn read(&self) -> Result<Config, crate::config::ConfigError> {
        let mut config = match &self.path {
            Some(path) => Config::load(path)?,
            None => Config::default_for(Path::new(""))?,
        };
        config.listen = self.listen.unwrap_or(config.listen);
        Ok(config)
    }
}

/// Takes up changes.
pub struct Reload {
    /// Where the configuration is from.
    pub source: Source,
    /// The one that is in force.
    pub config: Config,
    /// Makes actions.
    pub loader: Loader,
    /// Lent to them.
    pub facilities: Arc<Facilities>,
    /// Where deliveries look for actions.
    pub actions: Arc<Actions>,
    /// Where uploads go.
    pub routes: Arc<Current<Routes>>,
    /// The plugins' files when they were loaded.
    pub files: Files,
}

impl Reload {
    /// Takes up changes until the server ends; `hangup` tells of SIGHUP.
    pub async fn run(mut self, mut hangup: Signal) -> Infallible {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = hangup.recv() => self.configuration().await,
                _ = looks.tick() => {
                    for plugin in self.files.changed().await {
                        self.plugin(&plugin).await;
                    }
                }
            }
        }
    }

    async fn configuration(&mut self) {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let mut config = match read.map_err(anyhow::Error::from).and_then(|read| Ok(read?)) {
            Ok(config) => config,
            Err(error) => {
                tracing::error!("not reloaded: {error}");
                return;
            }
        };
        for key in needs_restart(&self.config, &config) {
            tracing::warn!("{key} changed; that takes effect at the next start");
        }
        config.upload_folder = self.config.upload_folder.clone();
        let files = Files::of(&config).await;
        // Connections that are kept stay with a mail server that does.
        let facilities = match config.mail == self.config.mail {
            true => Ok(self.facilities.clone()),
            false => Facilities::new(
                &config.upload_folder,
                config.mail.clone(),
                self.facilities.secret.clone(),
            )
            .map(Arc::new),
        };
        let facilities = match facilities {
            Ok(facilities) => facilities,
            Err(error) => {
                tracing::error!("not reloaded: UPLOAD_FOLDER: {error}");
                return;
            }
        };
        let actions = match self.loader.actions(&config.actions, &facilities).await {
            Ok(actions) => actions,
            Err(error) => {
                tracing::error!("not reloaded: {error}");
                return;
            }
        };
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        // Routes only lead to actions that are there.
        self.actions.replace(actions);
        self.routes.replace(config.routes.clone());
        self.config.camera.senders.replace(&config.camera.senders);
        self.facilities = facilities;
        self.files = files;
        // The list that the cameras' side looks at.
        config.camera.senders = self.config.camera.senders.clone();
        self.config = config;
        tracing::info!("configuration reloaded");
    }

    async fn plugin(&mut self, name: &str) {
        let before: HashSet<Arc<str>> = self.digests(name);
        match self.loader.actions_of(Some(name), &self.config.actions, &self.facilities).await {
            Ok(actions) => {
                self.actions.replace(actions);
                let now = self.digests(name);
                if now != before {
                    let now: Vec<&str> = now.iter().map(AsRef::as_ref).collect();
                    tracing::info!("plugin {name} reloaded; its SHA-256 is {}", now.join(", "));
                }
            }
            Err(error) => {
                tracing::error!("not reloaded, the old one stays in service: {error}");
            }
        }
    }

    fn digests(&self, plugin: &str) -> HashSet<Arc<str>> {
        (self.actions.names().iter())
            .filter(|name| name.plugin == plugin)
            .filter_map(|name| Some(self.actions.find(name)?.digest.clone()))
            .collect()
    }
}

/// The keys that differ and are only read at start.
fn needs_restart(old: &Config, new: &Config) -> impl Iterator<Item = &'static str> {
    let (a, b) = (&old.camera, &new.camera);
    [
        ("LISTEN", old.listen != new.listen),
        ("UPLOAD_FOLDER", old.upload_folder != new.upload_folder),
        ("SPOOL_FOLDER", old.spool_folder != new.spool_folder),
        ("SECRET", old.secret != new.secret),
        ("HOTSPOT", a.hotspot != b.hotspot),
        ("OAUTH_SENDER", a.oauth_sender != b.oauth_sender),
        ("ERROR_CODES", a.error_codes != b.error_codes),
        ("the limits of connections", a.limits != b.limits),
        ("MAX_UPLOAD", a.largest_upload != b.largest_upload),
        ("MIN_FREE_SPACE", a.free_space.kept != b.free_space.kept),
        ("AUTOBACKUP", old.autobackup != new.autobackup),
        ("CAPTURE_FOLDER", a.capture_folder != b.capture_folder),
        ("what retries, collects or keeps deliveries", old.deliveries != new.deliveries),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
}

/// The files of plugins, to see when one changes.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<String, Watched>);

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    loaded: Option<Stamp>,
    seen: Option<Stamp>,
}

/// What changes when a file does. Cheaper than its digest, which is compared
/// afterwards.
type Stamp = (SystemTime, u64, u64);

impl Files {
    /// Those of the plugins that `config` maps to, as they are now.
    pub async fn of(config: &Config) -> Self {
        let mapped: HashSet<&String> =
            config.routes.actions().into_iter().map(|name| &name.plugin).collect();
        let mut files = BTreeMap::new();
        for plugin in config.plugins.values().filter(|plugin| mapped.contains(&plugin.name)) {
            if let PluginSource::File { path, .. } = &plugin.source {
                let now = stamp(path).await;
                let watched = Watched { path: path.clone(), loaded: now, seen: now };
                files.insert(plugin.name.clone(), watched);
            }
        }
        Self(files)
    }

    /// The plugins whose files changed since the look before the last and not
    /// since the last.
    async fn changed(&mut self) -> Vec<String> {
        let mut changed = Vec::new();
        for (name, file) in &mut self.0 {
            let now = stamp(&file.path).await;
            // Gone is no change: a build removes before it writes.
            if now.is_some() && now == file.seen && now != file.loaded {
                file.loaded = now;
                changed.push(name.clone());
            }
            file.seen = now;
        }
        changed
    }
}

async fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
