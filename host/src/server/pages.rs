//! The operator's pages: what they look at, and their port.

use std::net::SocketAddr;
use std::sync::Arc;

use super::build::{Live, Unusable};
use super::port;
use crate::capability::{Grants, StoreGrant};
use crate::config::Config;
use crate::plugin::Actions;
use crate::spool;
use crate::web::{ActionSheet, Listener, Pages, Settings};

/// Listens for browsers. `cameras` is where cameras connect.
///
/// # Errors
/// In words that tell what to do.
pub(super) async fn listen(
    settings: Settings,
    config: &Config,
    cameras: SocketAddr,
    live: &Live,
    handed: Option<std::net::TcpListener>,
) -> Result<Listener, Unusable> {
    let address = settings.listen;
    let unusable = |error| port::cannot_listen("WEB_LISTEN", address, &error);
    let queue = spool::queue(&config.spool_folder).await;
    let queue = queue.map_err(|error| Unusable(format!("SPOOL_FOLDER: {error}")))?;
    let settings = Settings { cameras, ..settings };
    let actions = live.actions.clone();
    let loaded = Arc::new(move || sheets(&actions));
    let listener = port::bind("WEB_LISTEN", address, handed).await?;
    let listener = Listener::on(Pages::new(settings, queue, loaded), listener);
    tracing::info!("pages on http://{}/", listener.address().map_err(unusable)?);
    Ok(listener)
}

fn sheets(actions: &Actions) -> Vec<ActionSheet> {
    let loaded = actions.names().into_iter().filter_map(|name| actions.find(&name));
    loaded
        .map(|action| ActionSheet {
            name: action.name.to_string(),
            digest: action.digest.to_string(),
            allows: allows(action.grants()),
        })
        .collect()
}

fn allows(grants: &Grants) -> Vec<String> {
    let store = grants.store.as_ref().map(|grant| match grant {
        StoreGrant::InstanceOrSender => {
            "keep files in a folder of its instance or sender".to_owned()
        }
        StoreGrant::Folder(folder) => format!("keep files in {folder}/"),
    });
    let mail = grants.mail.as_ref().map(|grant| match grant.recipients.as_slice() {
        [] => "send e-mail to the recipients of an upload".to_owned(),
        others => format!("send e-mail to the recipients of an upload and {}", others.join(", ")),
    });
    let process = grants.process.then(|| "run its command".to_owned());
    let http =
        grants.http.as_ref().map(|_| "make requests to the origins of its settings".to_owned());
    [store, mail, process, http].into_iter().flatten().collect()
}
