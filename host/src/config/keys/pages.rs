//! The keys of the operator's pages.

use std::net::SocketAddr;
use std::path::Path;

use super::{Change, Draft, Key};
use crate::password;
use crate::values;
use crate::web;

/// Characters of a token: fewer can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// What the keys decide, before one is seen beside the others.
#[derive(Debug, Default)]
pub(in crate::config) struct Keys {
    listen: Option<SocketAddr>,
    password: Option<String>,
    token: Option<String>,
    hosts: Vec<String>,
    base: Option<String>,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "WEB_LISTEN",
        default: "off",
        doc: "where browsers find the operator's pages ([docs/pages.md](docs/pages.md))",
        example: "\"127.0.0.1:8081\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.pages.listen = Some(values::listen(&value.text()?)?);
            Ok(())
        },
    },
    Key {
        name: "WEB_PASSWORD",
        default: "none",
        doc: "hash of the password for the pages, printed by `afterimage password --for web`; needed beyond loopback, unless there is a token",
        example: "\"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$ZdYv1pEbpRFRDMPYCzTjvQ\"",
        change: Change::AtStart,
        is_secret: true,
        set: |value, draft| {
            let hash = value.word()?;
            if !password::is_hash(&hash) {
                return Err("it must be the hash of a password, not the password; `afterimage \
                            password --for web` prints the line"
                    .to_owned());
            }
            draft.pages.password = Some(hash);
            Ok(())
        },
    },
    Key {
        name: "WEB_TOKEN",
        default: "none",
        doc: "what a program sends as `Authorization: Bearer ...` to see figures and pages",
        example: "\"a-long-random-text\"",
        change: Change::AtStart,
        is_secret: true,
        set: |value, draft| {
            let token = value.word()?;
            if token.len() < SHORTEST_TOKEN {
                return Err(format!(
                    "it can be guessed; write {SHORTEST_TOKEN} random characters or more, as \
                     `openssl rand -hex 16` prints"
                ));
            }
            draft.pages.token = Some(token);
            Ok(())
        },
    },
    Key {
        name: "WEB_HOSTS",
        default: "addresses and `localhost`",
        doc: "names by which browsers may call the pages",
        example: "[\"photos.example.org\"]",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.pages.hosts = value.texts()?;
            match draft.pages.hosts.iter().find(|host| host.contains(['/', ':', '*', ' '])) {
                Some(host) => Err(format!(
                    "{host:?} is no host name; write it without scheme, port and path, like \
                     \"photos.example.org\""
                )),
                None => Ok(()),
            }
        },
    },
    Key {
        name: "WEB_BASE",
        default: "`\"/\"`",
        doc: "path below which a proxy offers the pages",
        example: "\"/afterimage/\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let path = value.word()?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
            if !path.starts_with('/') || !path.chars().all(plain) || path.contains("//") {
                return Err(format!("{path:?} is no path like \"/afterimage/\""));
            }
            draft.pages.base = Some(format!("{}/", path.trim_end_matches('/')));
            Ok(())
        },
    },
];

/// The settings, none where nothing listens.
///
/// # Errors
/// The key that is wrong, and why.
pub(in crate::config) fn finish(
    draft: &mut Draft,
    uploads: &Path,
    cameras: SocketAddr,
) -> Result<Option<web::Settings>, (&'static str, String)> {
    let Keys { listen, password, token, hosts, base } = std::mem::take(&mut draft.pages);
    let Some(listen) = listen else { return Ok(None) };
    if !listen.ip().is_loopback() && password.is_none() && token.is_none() {
        let message = format!(
            "whoever reaches {listen} could see every picture; add WEB_PASSWORD, whose line \
             `afterimage password --for web` prints, or listen on 127.0.0.1"
        );
        return Err(("WEB_LISTEN", message));
    }
    let sender = draft.camera.senders.first().unwrap_or_default();
    Ok(Some(web::Settings {
        listen,
        password,
        token,
        hosts,
        base: base.unwrap_or_else(|| "/".to_owned()),
        proxies: crate::networks::Networks::none(),
        uploads: uploads.to_owned(),
        cameras,
        sender,
    }))
}
