//! The port that cameras connect to: who gets a place, and the end of all.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::Intake;
use super::connection::{Camera, bare, connection};
use super::places::Places;
use super::reply::Refused;

/// Serves `listener` until `stop` says so, and then ends the requests that
/// have come.
pub async fn serve<I: Intake>(
    listener: TcpListener,
    camera: Arc<Camera<I>>,
    mut stop: watch::Receiver<bool>,
) {
    let most = camera.routes.state.settings.limits.connections;
    let permits = Arc::new(Semaphore::new(most));
    let places = Places::new(most);
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer.ip()) else {
                    // Without a task, so that it costs nothing.
                    let codes = camera.routes.state.settings.error_codes;
                    let _ = stream.try_write(&bare(Refused::TooManyConnections.reply(codes)));
                    continue;
                };
                // At once, or as soon as the one that gives way has gone.
                let permit =
                    permits.clone().acquire_owned().await.expect("the semaphore is never closed");
                let camera = camera.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, peer, &place, &camera).await {
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
    // All places are free again when the last connection has ended.
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(all).await;
}
