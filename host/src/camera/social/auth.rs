//! `POST /<service>/auth`: login and logout (`protocol.md` 3.2, 4).

use hyper::body::Incoming as HttpBody;

use super::{OAUTH_URL, logged_in, oauth};
use crate::camera::Intake;
use crate::camera::body::Body;
use crate::camera::login::{self, Credentials};
use crate::camera::reply::{Refused, Reply, SUCCESS};
use crate::camera::state::State;
use crate::camera::xml::Xml;
use crate::password;

pub(super) async fn answer<I: Intake>(
    state: &State<I>,
    service: &str,
    body: HttpBody,
) -> Result<Reply, Refused> {
    let text = Body::open(body, &state.settings).await?.text().await?;
    if text.trim().is_empty() {
        // Some NX300 do so now and then, and ask again.
        return Err(Refused::malformed("Empty request"));
    }
    let request = Xml::new(&text);
    if request.attribute("Request", "Method").is_some_and(|m| m.eq_ignore_ascii_case("logout")) {
        if let Some(session) = request.attribute("Request", "SessionKey") {
            state.sessions.end(&session).await.map_err(Refused::disk)?;
        }
        return Ok(Reply::ok(SUCCESS));
    }
    let user = request.attribute("UserName", "Value");
    if user.is_none() && request.element("OAuth").is_some() {
        return oauth::begin(state, service).await;
    }
    let password = request.attribute("Password", "Value");
    let key = request.attribute("CryptSessionKey", "Value");
    let (Some(user), Some(password)) = (user, password) else {
        return Err(Refused::malformed("No user name or password"));
    };
    let credentials = login::credentials(&user, &password, key.as_deref())
        .map_err(|error| Refused::Login(error.to_string()))?;
    let sender = verified(state, credentials).await?;
    let session = state.sessions.begin(&sender, service).await.map_err(Refused::disk)?;
    tracing::info!(sender, service, "logged in");
    Ok(Reply::ok(logged_in(&session, OAUTH_URL)))
}

/// The sender that logs in, in the operator's spelling.
async fn verified<I: Intake>(
    state: &State<I>,
    credentials: Credentials,
) -> Result<String, Refused> {
    let Credentials { user, password } = credentials;
    let Some(sender) = state.settings.senders.find(&user) else {
        return Err(Refused::UnknownUser(user));
    };
    let Some(hash) = sender.password.clone() else { return Ok(sender.address.clone()) };
    // One at a time: each takes some 20 MB and all of a processor, and anybody
    // who knows an address can ask for it.
    let _turn = state.verifying.acquire().await.expect("the semaphore is never closed");
    let right = tokio::task::spawn_blocking(move || password::is(&password, &hash)).await;
    match right {
        Ok(true) => Ok(sender.address.clone()),
        _ => Err(Refused::WrongPassword(user)),
    }
}
