//! `wasi:http`: requests of a guest, sent by the host.
//!
//! Threat: a guest that wants to reach what the operator did not mean (another
//! host, a machine of the private network, a cloud's metadata service), or to
//! carry a secret away. So every request passes one gate: its URL is parsed
//! and normalised, its origin must be granted, the secret is added here for
//! the one origin it belongs to and never seen by the guest, names are
//! resolved once and only allowed addresses are connected to. Redirects come
//! back to the guest as answers; following one is a new request at the same
//! gate. Consequence: an allowed origin is trusted with its own secret and
//! with what it does with it, nothing else is.

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use url::{Host, Url};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::call::{Call, Phase};
use crate::secret::Secret;

pub mod address;
pub mod echo;
mod grant;
mod send;
mod signature;

use address::Prohibited;
pub use grant::{HttpGrant, Injected, Injection, Origin};
pub(crate) use send::client;

/// Requests of one call: a thread of sixty pictures with patience for each.
const REQUESTS: u32 = 1_000;
/// Refusals of one call that are written to the log.
const REPORTS: u32 = 8;

/// Target of the events that tell of answers.
pub const ANSWERED: &str = "afterimage::http";

/// What goes on behind an answer.
pub type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// What becomes of a request.
pub type Answer = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

/// Who stands between the guests and the network. On a server, nobody does;
/// the author's bench sees requests, or answers them itself.
pub trait Wiretap: fmt::Debug + Send + Sync {
    /// Whether it answers instead of the network, before any grant is asked for.
    fn answers(&self) -> bool {
        false
    }

    /// Answers `request` to `url`.
    fn answer(&self, _url: &Url, _request: Request<WasiBody>) -> Answer {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    /// Sees a request that goes out; what comes back passes through the answer.
    fn sent(&self, _method: &Method, _url: &Url) -> Passed {
        Box::new(|answer| answer)
    }
}

/// What an answer passes through on its way to the guest.
pub type Passed = Box<dyn FnOnce(Response<WasiBody>) -> Response<WasiBody> + Send>;

/// The requests of one call.
pub struct Http {
    call: Call,
    grant: Option<Arc<HttpGrant>>,
    requests: u32,
    reports: u32,
    client: Option<reqwest::Client>,
    wiretap: Option<Arc<dyn Wiretap>>,
}

impl Http {
    pub(super) fn new(
        call: Call,
        grant: Option<Arc<HttpGrant>>,
        wiretap: Option<Arc<dyn Wiretap>>,
    ) -> Self {
        let (requests, reports, client) = (0, 0, None);
        Self { call, grant, requests, reports, client, wiretap }
    }

    /// Where a request goes, if one may be made now.
    fn destination(&mut self, request: &Request<WasiBody>) -> Result<(Url, Origin), Error> {
        let url =
            Url::parse(&request.uri().to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
        let origin = Origin::of(&url).ok_or(Error::HttpRequestUriInvalid)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::HttpRequestUriInvalid);
        }
        self.requests += 1;
        if self.call.phase == Phase::Check || self.requests > REQUESTS {
            return Err(Error::HttpRequestDenied);
        }
        Ok((url, origin))
    }

    fn admit(
        &mut self,
        (url, origin): (Url, Origin),
        request: &mut Request<WasiBody>,
    ) -> Result<Admitted, Error> {
        let Some(grant) = self.grant.clone().filter(|grant| grant.origins.contains(&origin)) else {
            self.refuse(&origin);
            return Err(Error::HttpRequestDenied);
        };
        let mut secret = None;
        let mut signature = None;
        for Injection { header, value, .. } in
            grant.injections.iter().filter(|injection| injection.origin == origin)
        {
            // Whatever the guest put there itself goes.
            let asked = request.headers_mut().remove(header).is_some();
            match value {
                Injected::Text(text) => {
                    let mut value = HeaderValue::try_from(text.expose())
                        .map_err(|_| Error::HttpRequestDenied)?;
                    value.set_sensitive(true);
                    request.headers_mut().insert(header, value);
                    // What comes back must be readable.
                    let identity = HeaderValue::from_static("identity");
                    request.headers_mut().insert(header::ACCEPT_ENCODING, identity);
                    secret = Some(text.expose_bare().to_owned().into());
                }
                Injected::Signature(key) if asked => {
                    signature = Some((header.clone(), key.clone()))
                }
                Injected::Signature(_) => {}
            }
        }
        let client = match &self.client {
            Some(client) => client.clone(),
            None => {
                let client = send::client(grant.private_networks).map_err(|problem| {
                    tracing::error!(action = %self.call.delivery.action, "{problem}");
                    Error::InternalError(None)
                })?;
                self.client.insert(client).clone()
            }
        };
        Ok(Admitted { url, origin, client, secret, signature, private: grant.private_networks })
    }

    fn refuse(&mut self, origin: &Origin) {
        self.reports += 1;
        if self.reports <= REPORTS {
            not_granted(&self.call, self.grant.as_deref(), origin);
        }
    }
}

/// A request that may be sent.
struct Admitted {
    url: Url,
    origin: Origin,
    client: reqwest::Client,
    secret: Option<bytes::Bytes>,
    /// Header and key.
    signature: Option<(HeaderName, Secret)>,
    private: bool,
}

impl Admitted {
    /// Addresses in the URL itself, which no resolver sees.
    fn check_literal(&self) -> Result<(), send::Failed> {
        let address = match self.origin.host() {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
        };
        Ok(address::check(&self.origin.host().to_string(), address, self.private)?)
    }
}

impl WasiHttpHooks for Http {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Io,
    ) -> Answer {
        let destination = match self.destination(&request) {
            Ok(destination) => destination,
            Err(error) => return Box::new(async { Err(error) }),
        };
        if let Some(wiretap) = self.wiretap.as_ref().filter(|wiretap| wiretap.answers()) {
            return wiretap.answer(&destination.0, request);
        }
        let admitted = match self.admit(destination, &mut request) {
            Ok(admitted) => admitted,
            Err(error) => return Box::new(async { Err(error) }),
        };
        let wiretap = self.wiretap.as_ref();
        let passed = wiretap.map(|wiretap| wiretap.sent(request.method(), &admitted.url));
        let call = self.call.clone();
        Box::new(async move {
            let (action, method) = (&call.delivery.action, request.method().clone());
            let Admitted { url, origin, client, secret, signature, .. } =
                match admitted.check_literal() {
                    Ok(()) => admitted,
                    Err(failed) => return Err(report(&call, &admitted.origin, failed)),
                };
            let request = match signature {
                Some((header, key)) => signature::sign(request, header, &key).await,
                None => Ok(request),
            };
            let request = request.map_err(|failed| report(&call, &origin, failed))?;
            match send::send(
                client,
                url,
                request,
                options,
                secret,
                call.wall.deadline().into(),
                &call.offline,
            )
            .await
            {
                Ok(answer) => {
                    let length = answer.headers().get(http::header::CONTENT_LENGTH);
                    let length = length.and_then(|length| length.to_str().ok()).unwrap_or("?");
                    let status = answer.status().as_u16();
                    tracing::info!(
                        target: ANSWERED,
                        %action,
                        "{method} {origin} {status}, {length} bytes"
                    );
                    let answer = match passed {
                        Some(passed) => passed(answer),
                        None => answer,
                    };
                    Ok((answer, Box::new(async { Ok(()) }) as Io))
                }
                Err(failed) => Err(report(&call, &origin, failed)),
            }
        })
    }
}

fn report(call: &Call, origin: &Origin, failed: send::Failed) -> Error {
    let action = &call.delivery.action;
    match failed.prohibited {
        Some(Prohibited { grantable: true, .. }) => {
            let remedy = match call.is_bundled {
                false => format!("ALLOW = {{ HTTP = [\"{origin}\"], PRIVATE_NETWORKS = true }}"),
                true => "PRIVATE_NETWORKS = true".to_owned(),
            };
            tracing::warn!(%action, "{}", failed.why);
            call.refuse("http to a private network", &remedy);
        }
        _ => tracing::warn!(%action, "http to {origin} failed: {}", failed.why),
    }
    failed.error
}

fn not_granted(call: &Call, grant: Option<&HttpGrant>, origin: &Origin) {
    let granted = grant.map(|grant| grant.origins.as_slice()).unwrap_or_default();
    let list: Vec<String> =
        granted.iter().chain([origin]).map(|origin| format!("\"{origin}\"")).collect();
    let remedy = match call.is_bundled {
        false => format!("ALLOW = {{ HTTP = [{}] }}", list.join(", ")),
        true => format!("BASE_URL = \"{origin}\""),
    };
    call.refuse("http", &remedy);
}
