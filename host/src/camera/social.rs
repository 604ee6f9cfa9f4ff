//! The sharing menu: log in to a service, announce a file, send it
//! (`protocol.md` 3.2-3.5, 7). Every service is served alike; what becomes of
//! an upload is the business of whoever takes it.

mod announcement;
mod auth;
pub(super) mod oauth;
mod put;

use hyper::body::Incoming as HttpBody;
use hyper::{Method, Request};

use super::Intake;
use super::path::Path;
use super::reply::{Refused, Reply};
use super::state::{Caller, State};

/// Services that take videos (`protocol.md` 3).
const VIDEO_SERVICES: [&str; 2] = ["facebook", "youtube"];

/// The page for logins by OAuth.
const OAUTH_URL: &str = "http://snsgw.samsungmobile.com/oauth";

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
    state: &State<I>,
    path: &Path,
    request: Request<HttpBody>,
    caller: &Caller,
) -> Result<Reply, Refused> {
    match (request.method(), path.words().as_slice()) {
        (&Method::POST, [service, "auth"]) => {
            let service = known(state, service)?;
            auth::answer(state, service, request, caller).await
        }
        (&Method::POST, [service, kind @ ("photo" | "video")]) => {
            let service = known(state, service)?;
            let kind = if *kind == "photo" { Kind::Photo } else { Kind::Video };
            announcement::answer(state, service, kind, request).await
        }
        (&Method::GET, [service, "auth", "callback"]) => {
            let service = known(state, service)?;
            oauth::callback(state, service, request.uri().query().unwrap_or_default()).await
        }
        (&Method::PUT, ["upload", session]) => {
            put::receive(state, session, "", request, caller).await
        }
        (&Method::PUT, ["upload", session, _]) => {
            put::receive(state, session, path.last(), request, caller).await
        }
        _ => Err(Refused::Unknown),
    }
}

fn known<'a, I>(state: &State<I>, service: &'a str) -> Result<&'a str, Refused> {
    match state.settings.services.contains(service) {
        true => Ok(service),
        false => Err(Refused::UnknownService(service.to_owned())),
    }
}

/// The user of a session who may still send, in the operator's spelling.
async fn user<I: Intake>(state: &State<I>, session: &str) -> Result<String, Refused> {
    let user = state.sessions.user(session).await.map_err(Refused::disk)?;
    let sender = user.and_then(|user| state.settings.senders.find(&user));
    sender.map(|sender| sender.address.clone()).ok_or(Refused::Session)
}

/// The answer to a login. Not well-formed, on purpose: cameras search it for
/// `LoginPeopleID="` and were never seen to accept anything else
/// (`protocol.md` 3.2).
fn logged_in(session: &str, oauth: &str) -> String {
    format!(
        "<Response SessionKey=\"{session}\">\n\
         <PersistKey Value=\"\"/>\n\
         <CryptSessionKey Value=\"{session}\"/>\n\
         <LoginPeopleID=\"Samsung NX Lover\"/>\n\
         <OAuth URL=\"{oauth}\"/>\n\
         </Response>"
    )
}
