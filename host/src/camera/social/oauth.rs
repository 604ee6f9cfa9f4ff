//! Logins on a page (`protocol.md` 6): SkyDrive, Flickr and Dropbox let their
//! users log in on their own pages, which are gone. What a camera wants to
//! see instead is a guess, so all of this is off unless an operator tries it.
//!
//! The guess: the answer to the login is the usual one, with the address of
//! our page. The camera's browser opens it, and its user allows to go on. That
//! leads to the callback, which is answered like a login.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use hyper::Request;
use hyper::body::Incoming as HttpBody;

use super::{OAUTH_URL, logged_in};
use crate::camera::reply::{Refused, Reply};
use crate::camera::state::State;
use crate::camera::{Intake, page};

/// Logins that wait for somebody to open their page.
const PENDING: usize = 64;

/// Logins whose page was not asked for yet.
#[derive(Default)]
pub(in crate::camera) struct Logins(Mutex<VecDeque<Login>>);

struct Login {
    session: String,
    service: String,
}

impl Login {
    /// What tells the page's address from others. Half of the session's key:
    /// an attribute with all of it would be longer than is safe for cameras
    /// (`protocol.md` 1.4), and nobody can guess 64 bits.
    fn ticket(&self) -> &str {
        &self.session[self.session.len() / 2..]
    }
}

/// Begins a login without user and password.
pub(super) async fn begin<I: Intake>(state: &State<I>, service: &str) -> Result<Reply, Refused> {
    let Some(sender) = &state.settings.oauth_sender else {
        return Err(Refused::OAuth(service.to_owned()));
    };
    let session = state.sessions.begin(sender, service).await.map_err(Refused::disk)?;
    let login = Login { session: session.clone(), service: service.to_owned() };
    let url = format!("{}?k={}", OAUTH_URL, login.ticket());
    let mut pending = state.oauth.0.lock().unwrap_or_else(PoisonError::into_inner);
    pending.truncate(PENDING - 1);
    pending.push_front(login);
    tracing::info!(service, "OAuth, experimental: logged in, the camera was told of a page");
    Ok(Reply::ok(logged_in(&session, &url)))
}

/// `GET /oauth`, the page that a login's answer tells of; for whoever comes
/// without a login the usual page.
pub(in crate::camera) fn page<I>(state: &State<I>, request: &Request<HttpBody>) -> Reply {
    let query = request.uri().query().unwrap_or_default();
    let ticket = query.strip_prefix("k=").unwrap_or_default();
    let pending = state.oauth.0.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(login) = pending.iter().find(|login| login.ticket() == ticket) else {
        return page::answer(request);
    };
    tracing::info!(login.service, "OAuth, experimental: the page was opened");
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
