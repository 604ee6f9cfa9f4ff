//! `POST /<service>/auth`: login and logout (`protocol.md` 3.2, 4).

use hyper::Request;
use hyper::body::Incoming as HttpBody;

use super::{OAUTH_URL, logged_in, oauth};
use crate::camera::Intake;
use crate::camera::body::Body;
use crate::camera::login::{self, Credentials};
use crate::camera::passwords::Checked;
use crate::camera::reply::{Refused, Reply, SUCCESS};
use crate::camera::state::{Caller, State};
use crate::xml::Xml;

pub(super) async fn answer<I: Intake>(
    state: &State<I>,
    service: &str,
    request: Request<HttpBody>,
    caller: &Caller,
) -> Result<Reply, Refused> {
    let text = Body::open(request, &state.settings).await?.text().await?;
    if text.trim().is_empty() {
        // Some NX300 do so now and then, and ask again.
        return Err(Refused::malformed("Empty request"));
    }
    let login = Xml::new(&text);
    if login.attribute("Request", "Method").is_some_and(|m| m.eq_ignore_ascii_case("logout")) {
        if let Some(session) = login.attribute("Request", "SessionKey") {
            state.sessions.end(&session).await.map_err(Refused::disk)?;
        }
        return Ok(Reply::ok(SUCCESS));
    }
    let user = login.attribute("UserName", "Value");
    if user.is_none() && login.element("OAuth").is_some() {
        return oauth::begin(state, service).await;
    }
    // Who has no password sends none, or an empty one.
    let password = login.attribute("Password", "Value").unwrap_or_default();
    let key = login.attribute("CryptSessionKey", "Value");
    let Some(user) = user else {
        return Err(Refused::malformed("No user name"));
    };
    let credentials = login::credentials(&user, &password, key.as_deref())
        .map_err(|error| Refused::Login(error.to_string()))?;
    let sender = verified(state, credentials, caller).await?;
    let session = state.sessions.begin(&sender, service).await.map_err(Refused::disk)?;
    tracing::info!(sender, service, "logged in");
    Ok(Reply::ok(logged_in(&session, OAUTH_URL)))
}

/// The sender that logs in, in the operator's spelling.
async fn verified<I: Intake>(
    state: &State<I>,
    credentials: Credentials,
    caller: &Caller,
) -> Result<String, Refused> {
    let Credentials { user, password } = credentials;
    let Some(sender) = state.settings.senders.find(&user) else {
        return Err(Refused::UnknownUser(user));
    };
    let Some(hash) = sender.password.clone() else { return Ok(sender.address.clone()) };
    match state.passwords.check(caller.address, password, hash).await {
        Checked::Right => Ok(sender.address.clone()),
        Checked::Wrong => Err(Refused::WrongPassword(user)),
        Checked::TooMany => Err(Refused::TooManyLogins),
    }
}
