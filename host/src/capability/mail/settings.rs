//! What an operator decides about e-mail: the server that takes it, and how to
//! speak with it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use afterimage_address::Mailbox;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The operator's mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// What protects the connection.
    pub security: Security,
    /// Which certificate it may show.
    pub trust: Trust,
    /// Account, if it wants one.
    pub account: Option<Account>,
    /// Envelope sender; the camera's address where there is none.
    pub default_sender: Option<Mailbox>,
    /// Whether `From` is the default sender instead of the camera.
    pub rewrite_from: bool,
    /// Largest message as it goes over the wire, in bytes.
    pub max_size: u64,
    /// Longest wait for one answer of the server. The one to the whole
    /// message may take ten times as long (RFC 5321 4.5.3.2.6: ten minutes).
    pub timeout: Duration,
}

impl Default for MailServer {
    fn default() -> Self {
        Self {
            server: "127.0.0.1".to_owned(),
            port: 25,
            security: Security::Plain,
            trust: Trust::Public,
            account: None,
            default_sender: None,
            rewrite_from: false,
            // The large providers take 20 to 50 MB; a server that tells its
            // own limit has the last word anyway.
            max_size: 50 << 20,
            // RFC 5321 asks for some minutes; no server that is alive takes one.
            timeout: Duration::from_secs(60),
        }
    }
}

/// What protects the connection to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Plain,
    /// `STARTTLS` before anything else (`MAIL_USE_TLS`).
    StartTls,
    /// TLS from the first byte (`MAIL_USE_SSL`).
    Tls,
}

/// Which certificate the mail server may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// One of a public authority.
    Public,
    /// Also one of the authorities in this PEM file.
    Authority(PathBuf),
    /// Exactly the one with this SHA-256, lower-case hexadecimal.
    Pin(String),
}

/// An account at the mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl Account {
    /// `words` of the server without the password, which some repeat to whoever
    /// tried it, as it is or as it was sent.
    pub fn hide_in(&self, words: &str) -> String {
        if self.password.is_empty() {
            return words.to_owned();
        }
        let Self { username, password } = self;
        let encoded = [format!("\0{username}\0{password}"), password.clone()];
        let encoded = encoded.iter().map(|secret| STANDARD.encode(secret));
        encoded
            .chain([password.clone()])
            .fold(words.to_owned(), |words, secret| words.replace(&secret, "(secret)"))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("username", &self.username).finish_non_exhaustive()
    }
}
