//! Binds, runs the tasks of the server until a signal ends them, and lets them
//! end what is under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::build::{Ground, Live, Unusable, build, unusable};
use super::handed::Handed;
use super::reload::Reload;
use super::{pages, port, service};
use crate::backup;
use crate::camera::{self, Camera};
use crate::config::{Config, Source};
use crate::delivery::{Engine, Intake};
use crate::pairing::Udn;

/// Serves until a signal ends it. `source` is where `config` is from, to be
/// read again at SIGHUP; `banner` gets a few lines for the operator
/// when cameras can connect.
///
/// # Errors
/// [`Unusable`](super::Unusable) for what the operator has to correct, others
/// for the rest.
pub async fn run(config: Config, source: Source, banner: impl FnOnce(&str)) -> anyhow::Result<()> {
    let mut handed = Handed::take()?;
    let ground = Ground::open(&config).await?;
    let built = build(config, &ground, None).await?;
    let live = Live::new(&built);
    let config = &built.config;

    let wake = Arc::new(Notify::new());
    let (spool, actions) = (ground.spool.clone(), live.actions.clone());
    let deliveries = config.deliveries.clone();
    let engine =
        Arc::new(Engine::new(spool.clone(), actions.clone(), deliveries.clone(), wake.clone()));
    engine.recover().await?;
    let stop_timeout = deliveries.stop_timeout;
    let intake = Arc::new(Intake::new(spool, live.routes.clone(), actions, deliveries, wake));
    let capture_folder = config.camera.capture_folder.clone().unwrap_or_default();
    if config.camera.capture_folder.is_some() {
        tracing::warn!("raw requests, photos included, are kept in {}", capture_folder.display());
    }
    let backup = match config.autobackup.clone() {
        Some(settings) => {
            let listener = backup::listen(&settings).await;
            let listener = listener.map_err(|error| Unusable(error.to_string()))?;
            Some((listener, settings, Udn::of_installation(&ground.secret), intake.clone()))
        }
        None => None,
    };
    let camera = Camera::new(config.camera.clone(), ground.sessions.clone(), intake)
        .map_err(|error| unusable("CAPTURE_FOLDER", &capture_folder, &error))?;
    let listener = port::bind("LISTEN", config.listen, handed.cameras.take()).await?;
    // Before anybody is told that it runs, and could send one.
    let hangup = signal(SignalKind::hangup())?;
    let mut signals = Signals::new()?;
    let address = listener.local_addr()?;

    let names = match config.dns.clone() {
        Some(settings) => Some(port::names(settings, &mut handed).await?),
        None => None,
    };
    let pages = match config.web.clone() {
        Some(settings) => {
            let cameras = listener.local_addr()?;
            Some(pages::listen(settings, config, cameras, &live, handed.pages.take()).await?)
        }
        None => None,
    };
    banner(&describe(config, address, &live));
    // What listens or works until the server ends: a line each.
    let mut tasks = Tasks::new();
    tasks.add("watchdog", service::alive);
    tasks.add("deliveries", |stop| engine.run(stop));
    if let Some((listener, settings, udn, intake)) = backup {
        tasks.add("Auto Backup", |stop| backup::serve(listener, settings, udn, intake, stop));
    }
    if let Some(pages) = pages {
        tasks.add("pages", |stop| pages.run(stop));
    }
    if let Some(responder) = names {
        tasks.add("names", |stop| responder.run(stop));
    }
    tasks.add("cameras", |stop| camera::serve(listener, Arc::new(camera), stop));

    service::ready(&format!("answers cameras on {address}"));
    let reload = Reload::new(source, ground, built, live).run(hangup);
    tokio::select! {
        () = signals.wait() => {}
        name = tasks.unexpected_end() => {
            anyhow::bail!("{name} ended unexpectedly; the log says why")
        }
        never = reload => match never {},
    }
    service::stopping();
    tracing::info!("stopping when what is under way has ended; a second signal stops at once");
    tokio::select! {
        () = tasks.stop() => tracing::info!("stopped"),
        () = tokio::time::sleep(stop_timeout) => tell_unfinished(stop_timeout),
        () = signals.wait() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

/// What an operator wants to know at once.
fn describe(config: &Config, address: std::net::SocketAddr, live: &Live) -> String {
    let names: Vec<String> = live.actions.names().iter().map(ToString::to_string).collect();
    format!(
        "Afterimage {} listens on {address}\n  \
         names that must lead cameras here, on port 80: {}\n  \
         files go to {}\n  \
         actions: {}\n  \
         {}",
        env!("CARGO_PKG_VERSION"),
        camera::HOSTS.join(" "),
        config.upload_folder.display(),
        names.join(", "),
        config.routes.rest(),
    )
}

fn tell_unfinished(waited: Duration) {
    tracing::warn!("stopped; what was still under way after {waited:?} goes on at the next start");
}

/// What runs until the server ends.
struct Tasks {
    stop: watch::Sender<bool>,
    running: JoinSet<&'static str>,
}

impl Tasks {
    fn new() -> Self {
        Self { stop: watch::channel(false).0, running: JoinSet::new() }
    }

    /// Runs `task`, which must end what is under way, and then itself, when
    /// what it is given becomes true.
    fn add<F>(&mut self, name: &'static str, task: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task(self.stop.subscribe());
        self.running.spawn(async move {
            task.await;
            name
        });
    }

    /// Returns when one ends before it was told to: that is a fault, and a
    /// server without it must not look as if it worked.
    async fn unexpected_end(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(error)) => {
                tracing::error!("a part of the server failed: {error}");
                "a part of the server"
            }
            None => "everything",
        }
    }

    /// Tells all of them to end, and waits until they have.
    async fn stop(&mut self) {
        self.stop.send_replace(true);
        // Whether they ended or failed, they have ended.
        while self.running.join_next().await.is_some() {}
    }
}

/// What ends the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
