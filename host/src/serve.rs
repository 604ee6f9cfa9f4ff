//! Wires the parts of the server: everything is loaded and checked before the
//! port is bound.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::backup;
use crate::camera::{self, Camera};
use crate::capability::{Facilities, store};
use crate::config::Config;
use crate::current::Current;
use crate::delivery::{Engine, Intake};
use crate::pairing::Udn;
use crate::plugin::{Actions, Loader};
use crate::reload::{self, Reload, Source};
use crate::spool::{self, SpoolError};

/// A configuration that cannot work on this machine: a folder, a component.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// Serves until a signal ends it. `source` is where `config` is from, to be
/// read again at SIGHUP; `banner` gets a few lines for the operator
/// when cameras can connect.
///
/// # Errors
/// [`Unusable`] for what the operator has to correct, others for the rest.
pub async fn run(config: Config, source: Source, banner: impl FnOnce(&str)) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    prepare(&config.upload_folder)
        .map_err(|e| unusable("UPLOAD_FOLDER", &config.upload_folder, &e))?;
    let spool_failed = |error: SpoolError| Unusable(format!("SPOOL_FOLDER: {error}"));
    let spool = spool::open(&config.spool_folder).await.map_err(spool_failed)?;
    if spool::is_in_memory(&config.spool_folder).unwrap_or(false) {
        tracing::error!(
            "SPOOL_FOLDER: {} is in memory: photos that a camera was told are sent are LOST when \
             the machine stops before they are delivered; set SPOOL_FOLDER to a folder on a disk",
            config.spool_folder.display()
        );
    }
    let secret = match &config.secret {
        Some(secret) => secret.clone(),
        None => spool.secret().await.map_err(spool_failed)?,
    };
    let sessions = spool.sessions().await.map_err(spool_failed)?;
    let udn = Udn::of_installation(&secret);
    let facilities = Arc::new(Facilities::new(&config.upload_folder, config.mail.clone(), secret)?);
    let compiled = config.spool_folder.join("compiled");
    let loader = Loader::new(compiled, config.spool_folder.join("scratch"))
        .map_err(|error| Unusable(format!("{error:#}")))?;
    let files = reload::Files::of(&config).await;
    let actions = loader
        .actions(&config.actions, &facilities)
        .await
        .map_err(|error| Unusable(error.to_string()))?;

    let actions = Arc::new(Actions::new(actions));
    let names: Vec<String> = actions.names().iter().map(ToString::to_string).collect();
    let Config { listen, upload_folder, camera, deliveries, .. } = config.clone();
    let routes = Arc::new(Current::new(config.routes.clone()));
    let wake = Arc::new(Notify::new());
    let engine =
        Arc::new(Engine::new(spool.clone(), actions.clone(), deliveries.clone(), wake.clone()));
    engine.recover().await?;
    let stop_timeout = deliveries.stop_timeout;
    let intake = Arc::new(Intake::new(spool, routes.clone(), actions.clone(), deliveries, wake));
    let capture_folder = camera.capture_folder.clone().unwrap_or_default();
    if camera.capture_folder.is_some() {
        tracing::warn!("raw requests, photos included, are kept in {}", capture_folder.display());
    }
    let backup = match config.autobackup.clone() {
        Some(settings) => Some((backup::listen(&settings).await?, settings, intake.clone())),
        None => None,
    };
    let camera = Camera::new(camera, sessions, intake)
        .map_err(|error| unusable("CAPTURE_FOLDER", &capture_folder, &error))?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    banner(&format!(
        "Afterimage {} listens on {address}\n  \
         names that must lead cameras here, on port 80: {}\n  \
         files go to {}\n  \
         actions: {}",
        env!("CARGO_PKG_VERSION"),
        camera::HOSTS.join(" "),
        upload_folder.display(),
        names.join(", "),
    ));

    let reload = Reload { source, config, loader, facilities, actions, routes, files };
    let reload = reload.run(signal(SignalKind::hangup())?);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(false);
    let engine = tokio::spawn(engine.run(stopped.clone()));
    let backups = backup.map(|(listener, settings, intake)| {
        tokio::spawn(backup::serve(listener, settings, udn, intake, stopped.clone()))
    });
    let cameras = tokio::spawn(camera::serve(listener, Arc::new(camera), stopped));
    let mut signalled = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::select! {
        () = signalled() => {}
        never = reload => match never {},
    }
    stop.send_replace(true);
    tracing::info!("stopping when what is under way has ended; a second signal stops at once");
    let drained = async {
        // Whether they ended or failed, they have ended.
        let _ = cameras.await;
        if let Some(backups) = backups {
            let _ = backups.await;
        }
        let _ = engine.await;
    };
    tokio::select! {
        () = drained => tracing::info!("stopped"),
        () = tokio::time::sleep(stop_timeout) => tracing::warn!(
            "stopped; what was still under way after {stop_timeout:?} goes on at the next start"
        ),
        () = signalled() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

/// Makes the folder of stored files, without what a crash left in it.
fn prepare(upload_folder: &Path) -> io::Result<()> {
    let growing = upload_folder.join(store::GROWING);
    fs::create_dir_all(&growing)?;
    fs::remove_dir_all(&growing)?;
    fs::create_dir(&growing)
}

fn unusable(key: &str, folder: &Path, error: &io::Error) -> Unusable {
    let remedy = match error.kind() {
        // It says itself what to do.
        io::ErrorKind::ResourceBusy => String::new(),
        _ => format!("; make it writable for this user or set {key}"),
    };
    Unusable(format!("{key}: {} cannot be used: {error}{remedy}", folder.display()))
}
