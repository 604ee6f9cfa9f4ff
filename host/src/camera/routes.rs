//! Which part answers a request.

use hyper::body::Incoming as HttpBody;
use hyper::header::HOST;
use hyper::{Method, Request};

use super::hotspot::Hotspot;
use super::path::Path;
use super::reply::{Refused, Reply, SUCCESS};
use super::state::{Caller, State};
use super::unknown_requests::is_known_host;
use super::{Intake, email, osp, page, social};

/// Asked for by an ST1000.
const PROVIDERS: &str = "/social/columbus/serviceproviders/list";

/// Everything that is answered.
pub(super) struct Routes<I> {
    pub(super) state: State<I>,
    pub(super) hotspot: Hotspot,
}

impl<I: Intake> Routes<I> {
    /// Answers the request of this caller.
    ///
    /// # Errors
    /// What cannot be done; [`Refused::reply`] has the camera's words for it.
    pub(super) async fn answer(
        &self,
        request: Request<HttpBody>,
        caller: &Caller,
    ) -> Result<Reply, Refused> {
        let state = &self.state;
        let path = Path::new(request.uri().path());
        match (request.method(), path.as_str()) {
            (&Method::GET | &Method::HEAD, "/") => {
                let checked = self.hotspot.answer(&host(&request), caller.address);
                Ok(checked.unwrap_or_else(|| page::answer(&request)))
            }
            (&Method::GET, "/oauth") => Ok(social::oauth::page(state, &request)),
            (&Method::POST, "/social/columbus/email") => {
                email::receive(state, request, caller).await?;
                Ok(Reply::ok(SUCCESS))
            }
            (&Method::GET, "/social/columbus/email") => Ok(Reply::found("/")),
            (&Method::GET, "/security/sso/initialize/time") => Ok(osp::time()),
            (&Method::GET, PROVIDERS) => Ok(osp::providers()),
            (&Method::POST, "/security/sso/userprofiles/authentication/emailid") => {
                osp::allshare(state, request).await
            }
            _ => social::answer(state, &path, request, caller).await,
        }
    }
}

/// What about a request, however it is answered, is worth a report.
pub(super) fn reports(request: &Request<HttpBody>) -> Vec<String> {
    let mut reports = Vec::new();
    if Path::new(request.uri().path()).as_str() == PROVIDERS {
        reports.push("an ST1000 asks for its services; nobody knows the answer yet".to_owned());
    }
    let host = host(request);
    if !is_known_host(&host) {
        reports.push(format!("no camera is known to ask {host}"));
    }
    reports
}

/// The host asked for, without port; that of an absolute target wins
/// (`protocol.md` 2, D2).
fn host(request: &Request<HttpBody>) -> String {
    let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or_else(header);
    let host = host.unwrap_or_default();
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host)
        .to_owned()
}
