//! Samsung's account service ("OSP"), as far as anybody knows what it said
//! (`protocol.md` 3.7-3.9).

use std::time::SystemTime;

use hyper::Request;
use hyper::body::Incoming as HttpBody;

use super::Intake;
use super::body::Body;
use super::reply::{Refused, Reply};
use super::state::State;
use crate::xml::Xml;

/// `GET /security/sso/initialize/time`: the ST1000 sets its clock and then
/// asks for [the list](providers).
pub(super) fn time() -> Reply {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Reply::ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><initializeResult>\
         <currentServerTime>{}</currentServerTime></initializeResult>",
        now.as_millis()
    ))
}

/// `GET /social/columbus/serviceproviders/list`: nobody knows what the ST1000
/// expects, so this is a placeholder, and what it sends belongs into the log.
pub(super) fn providers() -> Reply {
    Reply::ok("<serviceProviders></serviceProviders>")
}

/// `POST /security/sso/userprofiles/authentication/emailid`: the AllShare login
/// of an NX300. The answer that it would take for success is not known.
pub(super) async fn allshare<I: Intake>(
    state: &State<I>,
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    let text = Body::open(request, &state.settings).await?.text().await?;
    let user = Xml::new(&text).element("loginID").map(|login| login.text().trim().to_owned());
    match user.as_deref().and_then(|user| state.settings.senders.find(user)) {
        Some(_) => Err(Refused::AllShare),
        None => Err(Refused::Login(format!(
            "AllShare user {:?} is not in SENDERS",
            user.unwrap_or_default()
        ))),
    }
}
