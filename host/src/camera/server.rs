//! The port that cameras connect to: who gets a place, and the end of all.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::Intake;
use super::connection::{Camera, LINGER, Visitor, connection};
use super::crowd::Crowd;
use super::places::Places;
use crate::open_files;

/// Serves `listener` until `stop` says so, and then ends the requests that
/// have come.
pub async fn serve<I: Intake>(
    listener: TcpListener,
    camera: Arc<Camera<I>>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = camera.routes.state.settings.limits;
    let (limits, words) = limits.fitting(open_files::raise_limit());
    if let Some(words) = words {
        tracing::warn!("{words}");
    }
    let (most, of_one_address) = (limits.connections, limits.of_one_address());
    tracing::info!("up to {most} connections at once, {of_one_address} of one address");
    let permits = Arc::new(Semaphore::new(most));
    let places = Places::new(most, of_one_address);
    let mut crowd = Crowd::default();
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = looks.tick() => {
                crowd.look(most - permits.available_permits().min(most));
                continue;
            }
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = places.take(peer.ip());
                // A proxy tells later for whom it comes.
                let trusted = &camera.routes.state.settings.trusted_proxies;
                let is_proxy = trusted.contain(peer.ip());
                let is_welcome = is_proxy || place.count(peer.ip());
                let visitor = Visitor { stream, peer, is_proxy, is_welcome };
                // At once, or as soon as the one that gives way has gone.
                let permit =
                    permits.clone().acquire_owned().await.expect("the semaphore is never closed");
                let camera = camera.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(visitor, &place, &camera).await {
                        tracing::debug!(%peer, "connection: {error}");
                    }
                    drop((place, permit));
                });
            }
            Err(error) => {
                // Out of descriptors, mostly; they come back.
                tracing::error!("cannot accept connections: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    // All places are free again when the last connection has ended. Those that
    // were answered are not waited for longer than it takes to hear that.
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let mut ended = pin!(permits.acquire_many(all));
    while tokio::time::timeout(LINGER, &mut ended).await.is_err() {
        places.dismiss_answered();
    }
}
