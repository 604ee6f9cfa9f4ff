//! Wires the parts of the server: everything is loaded and checked before the
//! port is bound.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::camera::{self, Camera};
use crate::capability::{Facilities, store};
use crate::config::{Config, Rules};
use crate::current::Current;
use crate::delivery::Intake;
use crate::plugin::{Actions, Loader};
use crate::reload::{self, Reload, Source};
use crate::spool::Spool;

/// Names that cameras look up; each must lead to this server
/// (`protocol.md` 1.2).
const HOSTS: &str = "gld.samsungosp.com www.samsungimaging.com www.ospserver.net \
snsgw.samsungmobile.com www.yahoo.co.kr www.msn.com";

/// A configuration that cannot work on this machine: a folder, a component.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// Serves until a signal ends it. `banner` gets a few lines for the operator
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
    let spool = Spool::open(&config.spool_folder)
        .map_err(|e| unusable("SPOOL_FOLDER", &config.spool_folder, &e))?;
    let secret = match &config.secret {
        Some(secret) => secret.clone(),
        None => spool.secret().map_err(|e| unusable("SPOOL_FOLDER", &config.spool_folder, &e))?,
    };
    let facilities = Arc::new(Facilities::of(&config, secret));
    let loader = Loader::new(spool.compiled()).map_err(|e| anyhow::anyhow!("{e:#}"))?;
    let files = reload::Files::of(&config);
    let actions =
        loader.actions(&config, &facilities).await.map_err(|error| Unusable(error.to_string()))?;

    let actions = Arc::new(Actions::new(actions));
    let names: Vec<String> = actions.names().iter().map(ToString::to_string).collect();
    let (listen, upload_folder) = (config.listen, config.upload_folder.clone());
    let rules = Arc::new(Current::new(Rules::of(&config)));
    let intake = Intake::new(spool, rules.clone(), actions.clone());
    let reload = Reload { source, config, loader, facilities, actions, rules, files };
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    banner(&format!(
        "Afterimage {} listens on {address}\n  \
         names that must lead cameras here, on port 80: {HOSTS}\n  \
         files go to {}\n  \
         actions: {}",
        env!("CARGO_PKG_VERSION"),
        upload_folder.display(),
        names.join(", "),
    ));

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        never = camera::serve(listener, Arc::new(Camera::new(intake))) => match never {},
        Err(error) = reload.run() => return Err(error.into()),
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopped");
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
    Unusable(format!(
        "{key}: {} cannot be used: {error}; make it writable for this user or set {key}",
        folder.display()
    ))
}
