//! Who may look and who may change something.
//!
//! Threats: a page elsewhere that makes the operator's browser send requests
//! here (cross-site requests, and names that lead here by rebinding), somebody
//! who guesses the password, somebody else's page around ours. So a name must
//! be known, a change must come from a page of ours, guesses are slow, and a
//! session is a cookie that no script and no other site can use.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::Settings;
use crate::networks::Networks;
use crate::password::Checker;

/// Name of the cookie.
const SESSION: &str = "afterimage";

/// Sessions at once; the one that was not used for longest goes.
const SESSIONS: usize = 64;

/// A session ends when it is not used for this long.
const IDLE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Wrong passwords of one address before it has to wait, and how long.
const GUESSES: u32 = 5;
const WAIT: Duration = Duration::from_secs(60);

/// Addresses whose guesses are counted.
const GUESSERS: usize = 1024;

/// What becomes of a login.
#[derive(Debug, PartialEq, Eq)]
pub enum Login {
    /// The value of the session's cookie.
    Welcome(String),
    /// Another password.
    Wrong,
    /// Too many wrong ones; seconds to wait.
    Wait(u64),
}

/// The door.
pub struct Guard {
    password: Option<String>,
    token: Option<[u8; 32]>,
    hosts: Vec<String>,
    base: String,
    proxies: Networks,
    sessions: Mutex<HashMap<[u8; 32], Instant>>,
    guesses: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    /// One password at a time: each takes 19 MiB.
    verifying: Semaphore,
}

impl Guard {
    pub fn new(settings: &Settings) -> Self {
        Self {
            password: settings.password.clone(),
            token: settings.token.as_ref().map(|token| digest(token)),
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            base: settings.base.clone(),
            proxies: settings.proxies.clone(),
            sessions: Mutex::default(),
            guesses: Mutex::default(),
            verifying: Semaphore::new(1),
        }
    }

    /// Whether the name by which the browser calls the server is one of ours:
    /// an address, which no foreign name leads to, `localhost`, or one that
    /// the operator listed.
    pub fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = text(headers, HOST.as_str()) else { return false };
        let name = without_port(host).to_ascii_lowercase();
        name == "localhost"
            || name.parse::<IpAddr>().is_ok()
            || name
                .strip_prefix('[')
                .and_then(|name| name.strip_suffix(']'))
                .is_some_and(|name| name.parse::<Ipv6Addr>().is_ok())
            || self.hosts.contains(&name)
    }

    /// Whether a change comes from one of our own pages. Browsers say so, and
    /// what is no browser has a token.
    pub fn is_ours(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        if self.has_token(headers) {
            return true;
        }
        if let Some(site) = text(headers, "sec-fetch-site") {
            return site == "same-origin";
        }
        let Some(origin) = text(headers, ORIGIN.as_str()) else { return false };
        let Some((_, origin)) = origin.split_once("://") else { return false };
        let forwarded = match self.proxies.contain(peer) {
            true => text(headers, "x-forwarded-host"),
            false => None,
        };
        [text(headers, HOST.as_str()), forwarded]
            .into_iter()
            .flatten()
            .any(|host| host.eq_ignore_ascii_case(origin))
    }

    /// Whether the request may see the pages.
    pub fn lets_in(&self, headers: &HeaderMap) -> bool {
        // With neither, only a loopback address is listened on.
        let open = self.password.is_none() && self.token.is_none();
        open || self.has_token(headers) || self.has_session(headers)
    }

    /// Whether the request carries the token.
    pub fn has_token(&self, headers: &HeaderMap) -> bool {
        let sent = text(headers, AUTHORIZATION.as_str());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        // Digests take the same time to compare, whatever is in them.
        sent.zip(self.token).is_some_and(|(sent, token)| digest(sent.trim()) == token)
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let Some(key) = cookie(headers) else { return false };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, used| used.elapsed() < IDLE);
        match sessions.get_mut(&digest(key)) {
            Some(used) => {
                *used = Instant::now();
                true
            }
            None => false,
        }
    }

    /// Compares `given` with the password.
    pub async fn log_in(&self, given: String, peer: IpAddr) -> Login {
        let Some(hash) = self.password.clone() else { return Login::Wrong };
        if let Some(wait) = self.must_wait(peer) {
            return Login::Wait(wait.as_secs().max(1));
        }
        let right = {
            let _turn = self.verifying.acquire().await;
            let verified =
                tokio::task::spawn_blocking(move || Checker::default().is(&given, &hash));
            verified.await.unwrap_or(false)
        };
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if !right {
            guesses.retain(|_, (_, last)| last.elapsed() < WAIT);
            if guesses.len() < GUESSERS || guesses.contains_key(&peer) {
                let guess = guesses.entry(peer).or_insert((0, Instant::now()));
                *guess = (guess.0 + 1, Instant::now());
            }
            return Login::Wrong;
        }
        guesses.remove(&peer);
        drop(guesses);
        match self.begin() {
            Some(cookie) => Login::Welcome(cookie),
            None => Login::Wrong,
        }
    }

    fn must_wait(&self, peer: IpAddr) -> Option<Duration> {
        let guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = guesses.get(&peer)?;
        let waited = last.elapsed();
        (*count >= GUESSES && waited < WAIT).then(|| WAIT - waited)
    }

    fn begin(&self) -> Option<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let key = URL_SAFE_NO_PAD.encode(bytes);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, used)| **used).map(|(key, _)| *key);
            oldest.and_then(|key| sessions.remove(&key));
        }
        sessions.insert(digest(&key), Instant::now());
        Some(key)
    }

    /// Ends the session of the request.
    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(key) = cookie(headers) {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.remove(&digest(key));
        }
    }

    /// The header that makes the browser keep `key`, or forget it if empty.
    pub fn set_cookie(&self, key: &str, headers: &HeaderMap, peer: IpAddr) -> String {
        let encrypted = self.proxies.contain(peer)
            && text(headers, "x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let secure = if encrypted { "; Secure" } else { "" };
        let age = if key.is_empty() { 0 } else { IDLE.as_secs() };
        let base = &self.base;
        format!("{SESSION}={key}; Path={base}; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
    }

    /// The address of whoever asks, which a trusted proxy tells.
    pub fn address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.proxies.contain(peer) {
            return peer;
        }
        let forwarded = text(headers, "x-forwarded-for").unwrap_or_default();
        let hops = forwarded.rsplit(',').filter_map(|hop| hop.trim().parse::<IpAddr>().ok());
        let mut asker = peer;
        for hop in hops {
            asker = hop;
            if !self.proxies.contain(hop) {
                break;
            }
        }
        asker
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(COOKIE).iter().find_map(|value| {
        let pairs = value.to_str().ok()?.split(';');
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == SESSION && !value.is_empty()).then_some(value))
    })
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
