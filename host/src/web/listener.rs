//! Connections from browsers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming as HttpBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::{Pages, routes};

/// Connections at once. A browser opens six.
const CONNECTIONS: usize = 64;

/// Time for the head of a request, and between two of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest life of a connection: a film of an hour, a page left open.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);

/// Pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The pages' port.
pub struct Listener {
    listener: TcpListener,
    pages: Arc<Pages>,
}

impl Listener {
    /// Serves `pages` on `listener`.
    pub fn on(pages: Pages, listener: TcpListener) -> Self {
        Self { listener, pages: Arc::new(pages) }
    }

    /// Where browsers connect.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` says so. Pages are not waited for: nothing is lost
    /// with them.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let watching = self.pages.clone();
        let looking = watching.events.look(&watching);
        tokio::pin!(looking);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut looking => return,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("pages: cannot accept connections: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            let pages = self.pages.clone();
            let mut stop = stop.clone();
            tokio::spawn(async move {
                let _place = place;
                let service = service_fn(|request: Request<HttpBody>| async {
                    Ok::<_, Infallible>(routes::answer(&pages, request, peer.ip()).await)
                });
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .max_buf_size(64 << 10)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    served = tokio::time::timeout(LIFE, served) => {
                        if let Ok(Err(error)) = served {
                            tracing::debug!(%peer, "pages: {error}");
                        }
                    }
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
        }
    }
}
