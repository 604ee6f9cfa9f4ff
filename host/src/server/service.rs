//! What a service manager hears (`sd_notify`): that the server is ready, lives,
//! reloads and stops. Without one, nobody is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;

/// Says that cameras can connect.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that no more is taken.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Shows, as often as the manager asks for, that the server still turns, until
/// `stop` says so.
pub(super) async fn alive(mut stop: watch::Receiver<bool>) {
    let beat = sd_notify::watchdog_enabled().map(|time| time / 2);
    let Some(beat) = beat.filter(|beat| !beat.is_zero()) else {
        let _ = stop.wait_for(|stop| *stop).await;
        return;
    };
    let mut beats = tokio::time::interval(beat.min(Duration::from_secs(60)));
    loop {
        tokio::select! {
            _ = beats.tick() => tell(&[NotifyState::Watchdog]),
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
