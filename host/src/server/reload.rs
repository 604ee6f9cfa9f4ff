//! A running server that takes up changes: of a plugin's file at once, of
//! `config.toml` at SIGHUP.
//!
//! What is new is built aside, as at a start. If anything is wrong with it,
//! what runs stays, and the log says why.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;

use super::build::{Built, Ground, Live, build};
use crate::config::{Config, Source};

/// Time between two looks at the files. A build tool writes for some of it;
/// a file is taken when it stayed the same from one look to the next.
const LOOK: Duration = Duration::from_secs(1);

/// Takes up changes.
pub(super) struct Reload {
    source: Source,
    ground: Ground,
    /// What the server was started with: keys that count at a start are
    /// compared with these.
    started: Config,
    built: Built,
    live: Live,
}

impl Reload {
    /// Takes up changes of `source` in the place of `built`, which `live` has.
    pub(super) fn new(source: Source, ground: Ground, built: Built, live: Live) -> Self {
        Self { source, ground, started: built.config.clone(), built, live }
    }

    /// Takes up changes until the server ends; `hangup` tells of SIGHUP.
    pub(super) async fn run(mut self, mut hangup: Signal) -> Infallible {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = hangup.recv() => match self.configuration().await {
                    Ok(()) => tracing::info!("configuration reloaded"),
                    Err(error) => tracing::error!("not reloaded: {error}"),
                },
                _ = looks.tick() => {
                    for plugin in self.built.components.changed().await {
                        self.plugin(&plugin).await;
                    }
                }
            }
        }
    }

    async fn configuration(&mut self) -> anyhow::Result<()> {
        let source = self.source.clone();
        let config = tokio::task::spawn_blocking(move || source.read()).await??;
        let built = build(config, &self.ground, Some(&self.built)).await?;
        for key in built.config.needs_restart(&self.started) {
            tracing::warn!("{key} changed; that takes effect at the next start");
        }
        self.live.take_up(&built);
        self.built = built;
        Ok(())
    }

    async fn plugin(&mut self, name: &str) {
        let before: HashSet<Arc<str>> = self.digests(name);
        let Built { config, facilities, .. } = &self.built;
        match self.ground.loader.actions_of(Some(name), &config.actions, facilities).await {
            Ok(actions) => {
                self.live.actions.replace(actions);
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
        (self.live.actions.names().iter())
            .filter(|name| name.plugin == plugin)
            .filter_map(|name| Some(self.live.actions.find(name)?.digest.clone()))
            .collect()
    }
}
