//! `MAIL_...`: the server that takes e-mails, and how to speak with it.

use std::path::PathBuf;

use afterimage_address::Mailbox;

use super::{Change, Draft, Key};
use crate::capability::mail::{self, Account, MailServer, Security, Trust};

/// Keys that only mean something beside others.
#[derive(Debug, Default)]
pub(in crate::config) struct Keys {
    has_server: bool,
    port: Option<u16>,
    username: Option<String>,
    password: Option<Password>,
    use_tls: bool,
    use_ssl: bool,
    ca_file: Option<PathBuf>,
    pin: Option<String>,
}

/// A password, which is in no debug output.
struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(secret)")
    }
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "MAIL_SERVER",
        default: "`\"127.0.0.1\"`",
        doc: "the server that takes e-mails; once it is set, e-mails go to `email` by default",
        example: "\"smtp.example.org\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            let server = value.word()?;
            let literal = server.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            draft.mail.server = match literal {
                Some(address) => address.to_owned(),
                None if server.contains("://") || server.contains('/') => {
                    return Err("the name or address alone is needed, without scheme".to_owned());
                }
                None if server.parse::<std::net::Ipv6Addr>().is_ok() => server,
                None => match server.split_once(':') {
                    Some((host, port)) => {
                        return Err(format!(
                            "the port belongs into a key of its own: MAIL_SERVER = {host:?} and \
                             MAIL_PORT = {port}"
                        ));
                    }
                    // As resolvers and certificates have it.
                    None => idna::domain_to_ascii(&server)
                        .map_err(|_| value.needs("a name like \"smtp.example.org\""))?,
                },
            };
            draft.mail_keys.has_server = true;
            Ok(())
        },
    },
    Key {
        name: "MAIL_PORT",
        default: "25, or 465 with `MAIL_USE_SSL`",
        doc: "its port",
        example: "587",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail_keys.port = u16::try_from(value.number(1..=65_535)?).ok();
            Ok(())
        },
    },
    Key {
        name: "MAIL_USE_TLS",
        default: "false",
        doc: "STARTTLS, mostly with port 587",
        example: "true",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail_keys.use_tls = value.flag()?;
            Ok(())
        },
    },
    Key {
        name: "MAIL_USE_SSL",
        default: "false",
        doc: "TLS from the first byte, mostly with port 465",
        example: "false",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail_keys.use_ssl = value.flag()?;
            Ok(())
        },
    },
    Key {
        name: "MAIL_USERNAME",
        default: "no login",
        doc: "account there",
        example: "\"me@example.org\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail_keys.username = Some(value.text()?);
            Ok(())
        },
    },
    Key {
        name: "MAIL_PASSWORD",
        default: "no login",
        doc: "its password",
        example: "\"...\"",
        change: Change::AtReload,
        is_secret: true,
        set: |value, draft| {
            draft.mail_keys.password = Some(Password(value.text()?));
            Ok(())
        },
    },
    Key {
        name: "MAIL_CA_FILE",
        default: "public authorities",
        doc: "for a server with a certificate of its own: its authority, or the certificate, as PEM ([docs/email.md](docs/email.md))",
        example: "\"ca.pem\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            let path = value.path()?;
            let read = std::fs::read(&path).map_err(|error| error.to_string());
            let pem = read.and_then(|bytes| mail::authorities(&bytes));
            pem.map_err(|error| format!("{} cannot be used: {error}", path.display()))?;
            draft.mail_keys.ca_file = Some(path);
            Ok(())
        },
    },
    Key {
        name: "MAIL_PIN_SHA256",
        default: "none",
        doc: "the SHA-256 of the only certificate to accept, whoever made it ([docs/email.md](docs/email.md))",
        example: "\"4f5a3f3c6bd5c8a5a3e0a2e5f6a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            // As `openssl x509 -fingerprint -sha256` prints it, or plain.
            let written = value.text()?;
            let digits = written.rsplit('=').next().unwrap_or_default();
            let digits = digits.replace([':', ' '], "").to_lowercase();
            let digits = digits.strip_prefix("sha256").unwrap_or(&digits).to_owned();
            if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(
                    "64 hexadecimal digits are needed, as `openssl x509 -fingerprint -sha256` prints them"
                        .to_owned(),
                );
            }
            draft.mail_keys.pin = Some(digits);
            Ok(())
        },
    },
    Key {
        name: "MAIL_DEFAULT_SENDER",
        default: "the camera's address",
        doc: "envelope sender",
        example: "\"me@example.org\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            let mailbox = value.text()?.trim().parse::<Mailbox>().map_err(|_| {
                value.needs("an address like \"me@example.org\" or \"Me <me@example.org>\"")
            })?;
            draft.mail.default_sender = Some(mailbox);
            Ok(())
        },
    },
    Key {
        name: "MAIL_REWRITE_FROM",
        default: "false",
        doc: "whether `From` is `MAIL_DEFAULT_SENDER`, too",
        example: "true",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail.rewrite_from = value.flag()?;
            Ok(())
        },
    },
    Key {
        name: "MAIL_MAX_SIZE",
        default: "`\"50 MiB\"`",
        doc: "largest message",
        example: "\"25 MiB\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail.max_size = value.size_above_0()?;
            Ok(())
        },
    },
    Key {
        name: "MAIL_TIMEOUT",
        default: "`\"60 s\"`",
        doc: "longest wait for an answer",
        example: "\"60 s\"",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            draft.mail.timeout = value.duration_above_0()?;
            Ok(())
        },
    },
];

/// The mail server that all keys together describe, and whether the operator
/// named one.
///
/// # Errors
/// The key that contradicts another one, and why.
pub(in crate::config) fn finish(
    draft: &mut Draft,
) -> Result<(MailServer, bool), (&'static str, String)> {
    let mut mail = draft.mail.clone();
    let keys = &draft.mail_keys;
    mail.security = match (keys.use_tls, keys.use_ssl) {
        (true, true) => {
            return Err((
                "MAIL_USE_SSL",
                "MAIL_USE_TLS (STARTTLS, mostly port 587) and MAIL_USE_SSL (TLS from the first \
                 byte, mostly port 465) exclude each other; remove one"
                    .to_owned(),
            ));
        }
        (true, false) => Security::StartTls,
        (false, true) => Security::Tls,
        (false, false) => Security::Plain,
    };
    let port = if mail.security == Security::Tls { 465 } else { mail.port };
    mail.port = keys.port.unwrap_or(port);
    mail.account = match (&keys.username, &keys.password) {
        (Some(username), Some(Password(password))) => {
            Some(Account { username: username.clone(), password: password.clone() })
        }
        (None, None) => None,
        _ => {
            draft.warnings.push(
                "no login at MAIL_SERVER: that needs both MAIL_USERNAME and MAIL_PASSWORD"
                    .to_owned(),
            );
            None
        }
    };
    let server = &mail.server;
    let local = server == "localhost" || server.starts_with("127.") || server == "::1";
    if mail.account.is_some() && mail.security == Security::Plain && !local {
        draft.warnings.push(format!(
            "MAIL_PASSWORD goes to {server} in clear; set MAIL_USE_TLS or MAIL_USE_SSL"
        ));
    }
    if mail.rewrite_from && mail.default_sender.is_none() {
        let message =
            "MAIL_REWRITE_FROM writes MAIL_DEFAULT_SENDER into From; set that, too".to_owned();
        return Err(("MAIL_REWRITE_FROM", message));
    }
    mail.trust = match (&keys.pin, &keys.ca_file) {
        (Some(_), Some(_)) => {
            let message = "MAIL_PIN_SHA256 accepts one certificate whoever made it; remove it or \
                           MAIL_CA_FILE";
            return Err(("MAIL_PIN_SHA256", message.to_owned()));
        }
        (Some(pin), None) => Trust::Pin(pin.clone()),
        (None, Some(path)) => Trust::Authority(path.clone()),
        (None, None) => Trust::Public,
    };
    Ok((mail, keys.has_server))
}
