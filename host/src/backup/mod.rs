//! Auto Backup, the function by which a camera copies everything new on its
//! card to a computer in the same network: a search by multicast, UPnP
//! descriptions, SOAP, and the bytes by HTTP (`docs/auto-backup.md`).
//!
//! There is no login, no encryption, and nothing in it tells one camera from
//! another. So it is off unless the operator turns it on, only private networks
//! are heard, nothing a camera says has an effect but taking a file, and a file
//! is taken the way all uploads are.

mod announced;
mod connection;
mod content;
mod control;
pub mod description;
pub mod didl;
mod peers;
mod rate;
mod reply;
mod routes;
mod searches;
mod settings;
pub mod soap;
pub mod ssdp;
mod state;

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use self::searches::Searches;
use self::state::State;
use crate::camera::Refused;
use crate::camera::places::Places;
use crate::networks::Networks;
use crate::pairing::Udn;
use crate::spool::{Accepted, Lease, Sighting};
use crate::upload::Upload;

pub use peers::own_address_towards;
pub use settings::{Camera, PORT, Settings, Who};

/// What Auto Backup needs of the rest of the program.
pub trait Intake: Send + Sync + 'static {
    /// A place for an upload that is about to come.
    ///
    /// # Errors
    /// There is none now.
    fn begin(&self) -> Result<Lease, Refused>;

    /// Asks whether an upload would be taken of which only the description is
    /// there.
    fn offer(&self, draft: Upload) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Takes over an upload whose bytes are all there, unless a file with these
    /// bytes came from its sender within `repeats`. When this returns `Ok` the
    /// camera may hear so.
    fn accept(
        &self,
        upload: Upload,
        lease: Lease,
        repeats: Duration,
    ) -> impl Future<Output = Result<Accepted, Refused>> + Send;

    /// Notes what was seen of a camera, for the operator to ask about.
    fn sighted(&self, sighting: Sighting) -> impl Future<Output = ()> + Send;
}

/// Serves cameras on `listener`, which is bound, and answers their searches
/// until `stop` says so; ends when the requests that have come are answered.
pub async fn serve<I: Intake>(
    listener: TcpListener,
    settings: Settings,
    udn: Udn,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(SocketAddr::V4(server)) = listener.local_addr() else {
        unreachable!("Auto Backup listens on IPv4")
    };
    let settings = Arc::new(settings);
    let searches = Searches { settings: settings.clone(), udn: udn.clone(), server };
    let searches = tokio::spawn(searches.answer(stop.clone()));
    let most = settings.limits.connections;
    let state = Arc::new(State::new(settings.clone(), udn, intake));
    let free = Arc::new(Semaphore::new(most));
    let places = Places::new(most, settings.limits.of_one_address());
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly; they come back.
                tracing::error!("cannot accept connections of Auto Backup: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Closed before a byte is read.
        if settings.is_from_here(peer.ip()).is_none() {
            tracing::debug!(%peer, "not in FROM of [AUTOBACKUP]");
            continue;
        }
        let place = places.take(peer.ip());
        if !place.count(peer.ip()) {
            continue;
        }
        let turn = free.clone().acquire_owned().await.expect("the semaphore is never closed");
        let state = state.clone();
        tokio::spawn(async move {
            match state.settings.admit(peer.ip()).await {
                None => tracing::debug!(%peer, "not in CAMERAS of [AUTOBACKUP]"),
                Some(camera) => {
                    let served = tokio::select! {
                        served = connection::serve(stream, &camera, &place, &state) => served,
                        () = place.must_leave() => Ok(()),
                    };
                    if let Err(error) = served {
                        tracing::debug!(%peer, "connection: {error}");
                    }
                }
            }
            drop((place, turn));
        });
    }
    drop(listener);
    // All are free again when the last connection has ended.
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _ = free.acquire_many(all).await;
    let _ = searches.await;
}

/// The media type that others understand, of the one that a camera announced;
/// by the name's extension where it says nothing useful.
fn media_type(announced: &str, name: &str) -> String {
    let announced = announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_plausible = announced.split_once('/').is_some_and(|(kind, subtype)| {
        ["image", "video", "audio"].contains(&kind)
            && !subtype.is_empty()
            && subtype.len() <= 64
            && subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match (announced.as_str(), extension.as_deref()) {
        ("image/pjpeg" | "image/jpg", _) => "image/jpeg",
        _ if is_plausible => return announced,
        (_, Some("jpg" | "jpeg" | "mpo")) => "image/jpeg",
        (_, Some("srw")) => "image/x-samsung-srw",
        (_, Some("mp4")) => "video/mp4",
        (_, Some("avi")) => "video/x-msvideo",
        _ => "application/octet-stream",
    }
    .to_owned()
}

/// The listening socket of Auto Backup, whose address is told to the log.
///
/// # Errors
/// The port is taken, or the address is not this machine's.
pub async fn listen(settings: &Settings) -> io::Result<TcpListener> {
    let address = match settings.address {
        Some(address) if settings.listen.ip().is_unspecified() => {
            SocketAddrV4::new(address, settings.listen.port())
        }
        _ => settings.listen,
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => "end what holds the port",
            io::ErrorKind::AddrNotAvailable => "ADDRESS and LISTEN name an address of this machine",
            _ => "set LISTEN",
        };
        let words = format!("[AUTOBACKUP] cannot listen on {address}: {error}; {remedy}");
        io::Error::new(error.kind(), words)
    })?;
    let cameras = match settings.cameras.len() {
        0 if settings.from == Networks::private() => "cameras of private networks".to_owned(),
        0 => format!("cameras of {}", settings.from),
        1 => "one camera".to_owned(),
        cameras => format!("{cameras} cameras"),
    };
    tracing::info!(
        "auto backup: {:?} on {}, {cameras}, as {}",
        settings.name,
        listener.local_addr()?,
        settings.sender
    );
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_that_others_understand() {
        assert_eq!(media_type("image/jpeg", "A.JPG"), "image/jpeg");
        assert_eq!(media_type("*", "A.SRW"), "image/x-samsung-srw");
        assert_eq!(media_type("", "A.MP4"), "video/mp4");
        assert_eq!(media_type("text/html", "A"), "application/octet-stream");
    }
}
