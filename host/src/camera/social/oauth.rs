//! Logins on a page (`protocol.md` 6): SkyDrive, Flickr and Dropbox let their
//! users log in on their own pages, which are gone. What a camera wants to
//! see instead is a guess, so all of this is off unless an operator tries it.
//!
//! The guess: the answer to the login is the usual one, with the address of
//! our page. The camera's browser opens it, and its user allows to go on. That
//! leads to the callback, which is answered like a login.

use hyper::Request;
use hyper::body::Incoming as HttpBody;

use super::{OAUTH_URL, logged_in};
use crate::camera::reply::{Refused, Reply};
use crate::camera::state::State;
use crate::camera::{Intake, page};

/// Begins a login without user and password.
pub(super) async fn begin<I: Intake>(state: &State<I>, service: &str) -> Result<Reply, Refused> {
    let Some(sender) = &state.settings.oauth_sender else {
        return Err(Refused::OAuth(service.to_owned()));
    };
    let session = state.sessions.begin(sender, service).await.map_err(Refused::disk)?;
    let ticket = state.oauth.add(&session, service);
    let url = format!("{OAUTH_URL}?k={ticket}");
    tracing::info!(service, "OAuth, experimental: logged in, the camera was told of a page");
    Ok(Reply::ok(logged_in(&session, &url)))
}

/// `GET /oauth`, the page that a login's answer tells of; for whoever comes
/// without a login the usual page.
pub(in crate::camera) fn page<I>(state: &State<I>, request: &Request<HttpBody>) -> Reply {
    let query = request.uri().query().unwrap_or_default();
    let ticket = query.strip_prefix("k=").unwrap_or_default();
    let Some(login) = state.oauth.find(ticket) else {
        return page::answer(request);
    };
    tracing::info!(service = login.service, "OAuth, experimental: the page was opened");
    Reply::ok(format!(
        "<html><head><title>Afterimage</title></head><body><h1>Afterimage</h1>\
         <p><a href=\"/{}/auth/callback?snsgwkey={}\">Allow this camera to send</a></p>\
         </body></html>",
        login.service, login.session
    ))
}

/// `GET /<service>/auth/callback?snsgwkey=<session>`: only the first 32 digits
/// count, since cameras glue their name to them.
pub(super) async fn callback<I: Intake>(
    state: &State<I>,
    service: &str,
    query: &str,
) -> Result<Reply, Refused> {
    if state.settings.oauth_sender.is_none() {
        return Err(Refused::Unknown);
    }
    let (_, key) = query.split_once("snsgwkey=").ok_or(Refused::Session)?;
    let session = key.get(..32).ok_or(Refused::Session)?;
    super::user(state, session).await?;
    tracing::info!(service, "OAuth, experimental: the callback was asked for");
    Ok(Reply::ok(logged_in(session, OAUTH_URL)))
}
