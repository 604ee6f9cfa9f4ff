//! The sharing menu: log in to a service, announce a file, send it
//! (`protocol.md` 3.2-3.5, 7). Every service is served alike; what becomes of
//! an upload is the business of whoever takes it.

mod announcement;
mod auth;
pub(super) mod oauth;
mod put;

use hyper::body::Incoming;
use hyper::{Method, Request};

use super::reply::{Refused, Reply};
use super::{Camera, Intake};

/// Services that take videos (`protocol.md` 3).
const VIDEO_SERVICES: [&str; 2] = ["facebook", "youtube"];

/// What a camera announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Photo,
    Video,
}

/// Answers a request of the sharing menu.
///
/// # Errors
/// [`Refused::Unknown`] for what is none.
pub(super) async fn answer<I: Intake>(
    camera: &Camera<I>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Reply, Refused> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (request.method(), segments.as_slice()) {
        (&Method::POST, [service, "auth"]) => {
            let service = known(camera, service)?;
            auth::answer(camera, service, request.into_body()).await
        }
        (&Method::POST, [service, kind @ ("photo" | "video")]) => {
            let service = known(camera, service)?;
            let kind = if *kind == "photo" { Kind::Photo } else { Kind::Video };
            announcement::answer(camera, service, kind, request.into_body()).await
        }
        (&Method::GET, [service, "auth", "callback"]) => {
            let service = known(camera, service)?;
            oauth::callback(camera, service, request.uri().query().unwrap_or_default()).await
        }
        (&Method::PUT, ["upload", session, resource]) => {
            put::receive(camera, session, resource, request).await
        }
        _ => Err(Refused::Unknown),
    }
}

fn known<'a, I>(camera: &'a Camera<I>, service: &str) -> Result<&'a str, Refused> {
    let known = camera.settings.services.get(service);
    known.map(String::as_str).ok_or_else(|| Refused::UnknownService(service.to_owned()))
}

/// The user of a session who may still send, in the operator's spelling.
async fn user<I: Intake>(camera: &Camera<I>, session: &str) -> Result<String, Refused> {
    let user = camera.sessions.user(session).await.map_err(Refused::disk)?;
    let sender = user.and_then(|user| camera.settings.senders.find(&user));
    sender.map(|sender| sender.address.clone()).ok_or(Refused::Session)
}
