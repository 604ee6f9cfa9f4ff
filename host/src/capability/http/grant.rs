//! What an action may reach over HTTP: origins, and the secret that belongs to
//! one of them.

use std::fmt;

use http::HeaderName;
use url::{Host, Url};

use crate::secret::Secret;

/// Scheme, host and port: what is allowed or not, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: &'static str,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of `url`, none if it is neither `http` nor `https`.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        Some(Self { scheme, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// Reads `https://host` or `http://host:port`; a slash may follow.
    ///
    /// # Errors
    /// What is wrong with it and how it is written.
    pub fn parse(written: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("{written:?} {why}; write scheme and host like \"https://social.example.org\"")
        };
        let url = Url::parse(written).map_err(|error| wrong(&format!("is no URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user name in it"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has more than scheme, host and port"));
        }
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(wrong("names more than one host"));
        }
        Self::of(&url).ok_or_else(|| wrong("is neither http nor https"))
    }

    /// The host, names in ASCII.
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Whether what is sent there can be read on the way.
    pub fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// Whether the operator wrote a machine that is no public one: an address
    /// of a private network, or this machine.
    pub fn is_written_as_private(&self) -> bool {
        use super::address::{Kind, kind};
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => kind((*address).into()) == Kind::Private,
            Host::Ipv6(address) => kind((*address).into()) == Kind::Private,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme, self.port) {
            ("http", 80) | ("https", 443) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

/// What one action may reach.
#[derive(Debug, Clone)]
pub struct HttpGrant {
    /// The only origins.
    pub origins: Vec<Origin>,
    /// Whether their hosts may be machines of a private network.
    pub private_networks: bool,
    /// Secrets that the host puts into requests.
    pub injections: Vec<Injection>,
}

impl HttpGrant {
    /// What may be reached and what goes along, in lines for the operator.
    pub fn lines(&self) -> Vec<String> {
        let private = if self.private_networks { ", private networks too" } else { "" };
        let origins = self.origins.iter().map(|origin| format!("{origin}{private}"));
        let injections = self.injections.iter().map(|Injection { origin, header, value }| {
            let what = match value {
                Injected::Text(_) => "a secret of the host's",
                Injected::Signature(_) => "signed by the host",
            };
            format!("{origin}, {header}: {what}")
        });
        origins.chain(injections).collect()
    }
}

/// A secret that the host puts into a header of requests to one origin. What
/// the guest itself wrote there is never sent.
#[derive(Debug, Clone)]
pub struct Injection {
    /// The origin.
    pub origin: Origin,
    /// The header.
    pub header: HeaderName,
    /// What is written there.
    pub value: Injected,
}

/// What the host writes into a header.
#[derive(Debug, Clone)]
pub enum Injected {
    /// This text, in every request; at most one for each origin.
    Text(Secret),
    /// `sha256=` and the HMAC-SHA256 of the body with this key, where the
    /// guest asks for it by sending the header.
    Signature(Secret),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised() {
        let shown = |written| Origin::parse(written).unwrap().to_string();
        assert_eq!(shown("HTTPS://Social.Example.ORG:443/"), "https://social.example.org");
        assert_eq!(shown("http://printer.lan:631"), "http://printer.lan:631");
        assert_eq!(shown("http://0x7f.1"), "http://127.0.0.1");
        assert_eq!(shown("https://bücher.example"), "https://xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for written in [
            "social.example.org",
            "ftp://example.org",
            "https://user@example.org",
            "https://example.org/path",
            "https://example.org/?query",
            "https://*",
        ] {
            assert!(Origin::parse(written).is_err(), "{written}");
        }
    }
}
