//! The keys about cameras: who may send, what is answered, what a stranger may
//! use up.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Change, Draft, Key};
use crate::camera::Portal;
use crate::camera::settings::{ErrorCodes, HotspotAnswer, Sender, Senders};
use crate::config::value::Value;
use crate::networks::Networks;
use crate::password;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "SENDERS",
        default: "the factory's address",
        doc: "addresses that may send, and log in on the sharing menu; a table adds passwords, [below](#passwords-of-senders)",
        example: "[\"Camera@samsungcamera.com\"]",
        change: Change::AtReload,
        is_secret: false,
        set: senders,
    },
    Key {
        name: "HOTSPOT",
        default: "`\"auto\"`",
        doc: "answer to the network check of `www.yahoo.co.kr` and `www.msn.com`: `\"redirect\"`, `\"cookie\"`, or both in turn for each camera; `{ \"www.msn.com\" = \"cookie\" }` for one host",
        example: "\"auto\"",
        change: Change::AtStart,
        is_secret: false,
        set: hotspot,
    },
    Key {
        name: "ERROR_CODES",
        default: "`\"status\"`",
        doc: "codes that a camera hears when a login fails; `\"gateway\"`: those of Samsung's gateway, which also tell a wrong user from a wrong password",
        example: "\"status\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.error_codes = match value.text()?.as_str() {
                "status" => ErrorCodes::Status,
                "gateway" => ErrorCodes::Gateway,
                _ => return Err(value.needs("\"status\" or \"gateway\"")),
            };
            Ok(())
        },
    },
    Key {
        name: "OAUTH_SENDER",
        default: "none",
        doc: "experimental: in whose name a camera sends that logs in at SkyDrive, Flickr or Dropbox, without a password",
        example: "\"Camera@samsungcamera.com\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.oauth_sender = Some(value.text()?);
            Ok(())
        },
    },
    Key {
        name: "MAX_CONNECTIONS",
        default: "512",
        doc: "connections at once; when all are taken, one that was answered gives way, or else the slowest",
        example: "512",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let most = value.number(1..=65_535)?;
            draft.camera.limits.connections = usize::try_from(most).unwrap_or(usize::MAX);
            Ok(())
        },
    },
    Key {
        name: "MAX_PER_ADDRESS",
        default: "half of them",
        doc: "connections of one address at once",
        example: "64",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let most = value.number(1..=65_535)?;
            draft.camera.limits.per_address = usize::try_from(most).ok();
            Ok(())
        },
    },
    Key {
        name: "TRUSTED_PROXIES",
        default: "none",
        doc: "addresses and networks of reverse proxies, which are believed when they say for whom they come, [below](#an-open-port)",
        example: "[\"172.17.0.1\"]",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let written = value.texts()?;
            draft.camera.trusted_proxies = Networks::parse(written.iter().map(String::as_str))?;
            Ok(())
        },
    },
    Key {
        name: "HEAD_TIMEOUT",
        default: "`\"20 s\"`",
        doc: "time for a request's head",
        example: "\"20 s\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.limits.head = value.duration_above_0()?;
            Ok(())
        },
    },
    Key {
        name: "SILENCE_TIMEOUT",
        default: "`\"60 s\"`",
        doc: "longest silence within a body",
        example: "\"60 s\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.limits.silence = value.duration_above_0()?;
            Ok(())
        },
    },
    Key {
        name: "MIN_RATE",
        default: "`\"500 B\"`",
        doc: "what a body must bring each second on average",
        example: "\"500 B\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.limits.slowest = value.size()?;
            Ok(())
        },
    },
    Key {
        name: "MIN_RATE_AFTER",
        default: "`\"30 s\"`",
        doc: "how long a body may take before `MIN_RATE` counts",
        example: "\"30 s\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.limits.slow_after = value.duration_above_0()?;
            Ok(())
        },
    },
    Key {
        name: "MAX_UPLOAD",
        default: "`\"4 GiB\"`",
        doc: "largest upload",
        example: "\"4 GiB\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.largest_upload = value.size_above_0()?;
            Ok(())
        },
    },
    Key {
        name: "MIN_FREE_SPACE",
        default: "`\"256 MiB\"`",
        doc: "space that uploads leave free on the spool's disk",
        example: "\"256 MiB\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.free_space.kept = value.size()?;
            Ok(())
        },
    },
    Key {
        name: "CAPTURE_FOLDER",
        default: "none",
        doc: "keeps raw requests, photos included, [to understand a model](docs/new-model.md)",
        example: "\"capture\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.camera.capture_folder = Some(value.path()?);
            Ok(())
        },
    },
];

/// A list of addresses, or a table of addresses with passwords.
fn senders(value: &Value<'_>, draft: &mut Draft) -> Result<(), String> {
    let senders: Vec<Sender> = match value.json()? {
        Json::Object(table) => table
            .iter()
            .map(|(address, hash)| {
                let password = match hash.as_str() {
                    Some("") => None,
                    Some(hash) if password::is_hash(hash) => Some(hash.to_owned()),
                    _ => {
                        return Err(format!(
                            "{address:?} has no hashed password, nor \"\" for any; `afterimage \
                             password` prints one, for [SENDERS] and below it {address:?} = \
                             \"$argon2id$...\""
                        ));
                    }
                };
                Ok(Sender { address: address.clone(), password })
            })
            .collect::<Result<_, _>>()?,
        _ => value
            .texts()
            .map_err(|_| {
                value.needs("a list of addresses, or a table of addresses with passwords,")
            })?
            .into_iter()
            .map(|address| Sender { address, password: None })
            .collect(),
    };
    if senders.is_empty() {
        return Err("nobody could send; name the address that is set on the camera".to_owned());
    }
    let mut seen = BTreeSet::new();
    for Sender { address, .. } in &senders {
        draft.warnings.extend(sender(address)?);
        if !seen.insert(address.to_lowercase()) {
            return Err(format!("{address:?} stands there twice"));
        }
    }
    draft.camera.senders = Senders::new(senders);
    Ok(())
}

/// What is to say about the name of a sender.
///
/// # Errors
/// No camera could send in it.
fn sender(address: &str) -> Result<Option<String>, String> {
    if address.is_empty() {
        return Err("\"\" is nobody; name the address that is set on the camera".to_owned());
    }
    if let Some((_, inner)) = address.split_once('<') {
        let inner = inner.trim_end_matches('>').trim();
        return Err(format!("{address:?} has a name before the address; write {inner:?} alone"));
    }
    let trimmed = address.trim();
    if trimmed != address {
        return Err(format!("{address:?} has a blank at its end; write {trimmed:?}"));
    }
    if address.contains([',', ';']) || address.chars().any(char::is_control) {
        return Err(format!("{address:?} is more than one address; put each in quotes of its own"));
    }
    if address.contains('*') {
        return Err(format!("{address:?}: each address is named by itself, there are no patterns"));
    }
    Ok((!address.contains('@')).then(|| {
        format!(
            "SENDERS: {address:?} is no e-mail address: it can log in on the sharing menu, but \
             no camera mails in its name; write it like \"me@example.org\""
        )
    }))
}

/// For all hosts, or a table by host.
fn hotspot(value: &Value<'_>, draft: &mut Draft) -> Result<(), String> {
    let answer = |answer: &Json| match answer.as_str() {
        Some("auto") => Ok(None),
        Some("redirect") => Ok(Some(HotspotAnswer::Redirect)),
        Some("cookie") => Ok(Some(HotspotAnswer::Cookie)),
        _ => Err(value.needs("\"auto\", \"redirect\" or \"cookie\"")),
    };
    let portals: Vec<(Portal, Option<HotspotAnswer>)> = match value.json()? {
        Json::Object(table) => table
            .iter()
            .map(|(host, written)| {
                let known = Portal::ALL.into_iter().find(|portal| portal.host() == host);
                let known = known.ok_or_else(|| {
                    let hosts: Vec<&str> = Portal::ALL.iter().map(|portal| portal.host()).collect();
                    format!("{host:?} is none of the hosts {}", hosts.join(", "))
                })?;
                Ok((known, answer(written)?))
            })
            .collect::<Result<_, String>>()?,
        written => {
            let answer = answer(&written)?;
            Portal::ALL.into_iter().map(|portal| (portal, answer)).collect()
        }
    };
    draft.camera.hotspot =
        portals.into_iter().filter_map(|(portal, answer)| Some((portal, answer?))).collect();
    Ok(())
}
