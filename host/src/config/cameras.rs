//! The keys about cameras: who may send, what is served, what a stranger may
//! use up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use toml::{Spanned, Value};

use super::file::{ConfigError, Document, File};
use super::routes::SERVICES;
use crate::camera::settings::{ErrorCodes, HotspotAnswer, Limits, Sender, Senders};
use crate::camera::{Portal, Settings};
use crate::delivery::Routes;
use crate::password;
use crate::spool::FreeSpace;
use crate::upload::AUTO_BACKUP;
use crate::values;

/// Who may send when the operator says nothing: the address that cameras are
/// shipped with (`protocol.md` 3.2).
const DEFAULT_SENDER: &str = "Camera@samsungcamera.com";

/// A video of half an hour, the longest that cameras make.
const LARGEST_UPLOAD: u64 = 4 << 30;

/// Leaves a small system room for its log and for a last e-mail.
const KEPT_FREE: u64 = 256 << 20;

/// The settings of the camera side.
pub(super) fn cameras(
    document: &Document<'_>,
    file: &File,
    routes: &Routes,
    base: &Path,
    spool_folder: &Path,
) -> Result<Settings, ConfigError> {
    let services: BTreeSet<String> = SERVICES
        .iter()
        .map(|&service| service.to_owned())
        .chain(routes.services.keys().cloned())
        // Not of the sharing menu.
        .filter(|service| service != AUTO_BACKUP)
        .collect();
    let senders = senders(document, file)?;
    Ok(Settings {
        oauth_sender: oauth_sender(document, file, &senders)?,
        senders,
        services,
        hotspot: hotspot(document, file)?,
        error_codes: error_codes(document, file)?,
        limits: limits(document, file)?,
        largest_upload: size(document, "MAX_UPLOAD", &file.max_upload, LARGEST_UPLOAD)?,
        free_space: FreeSpace {
            folder: spool_folder.to_owned(),
            kept: size(document, "MIN_FREE_SPACE", &file.min_free_space, KEPT_FREE)?,
        },
        capture_folder: file.capture_folder.as_ref().map(|folder| base.join(folder)),
    })
}

/// `SENDERS`, a list of addresses or a table of addresses with passwords.
fn senders(document: &Document<'_>, file: &File) -> Result<Senders, ConfigError> {
    let Some(written) = &file.senders else {
        let address = DEFAULT_SENDER.to_owned();
        return Ok(Senders::new([Sender { address, password: None }]));
    };
    let wrong = |message: &str| {
        document.error(
            written,
            format_args!(
                "SENDERS: {message}; write it like SENDERS = [\"{DEFAULT_SENDER}\"], or for \
                 passwords [SENDERS] and below it \"{DEFAULT_SENDER}\" = \"$argon2id$...\", as \
                 `afterimage password` prints it"
            ),
        )
    };
    let senders: Vec<Sender> = match written.get_ref() {
        Value::Array(addresses) => addresses
            .iter()
            .map(|address| match address {
                Value::String(address) => Ok(Sender { address: address.clone(), password: None }),
                _ => Err(wrong("an address is a text")),
            })
            .collect::<Result<_, _>>()?,
        Value::Table(table) => table
            .iter()
            .map(|(address, hash)| {
                let password = match hash.as_str() {
                    Some("") => None,
                    Some(hash) if password::is_hash(hash) => Some(hash.to_owned()),
                    _ => {
                        return Err(wrong(&format!(
                            "{address:?} has no hashed password, nor \"\" for any"
                        )));
                    }
                };
                Ok(Sender { address: address.clone(), password })
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong("neither a list nor a table")),
    };
    let mut seen = BTreeSet::new();
    if let Some(twice) = senders.iter().find(|sender| !seen.insert(sender.address.to_lowercase())) {
        return Err(wrong(&format!("{:?} stands there twice", twice.address)));
    }
    Ok(Senders::new(senders))
}

/// `HOTSPOT`, for all hosts or a table by host.
fn hotspot(
    document: &Document<'_>,
    file: &File,
) -> Result<BTreeMap<Portal, HotspotAnswer>, ConfigError> {
    let Some(written) = &file.hotspot else { return Ok(BTreeMap::new()) };
    let wrong = || {
        document.error(
            written,
            "HOTSPOT: \"auto\", \"redirect\" or \"cookie\" is needed; write it like \
             HOTSPOT = \"auto\", or for one host HOTSPOT = { \"www.msn.com\" = \"cookie\" }",
        )
    };
    let answer = |value: &Value| match value.as_str() {
        Some("auto") => Ok(None),
        Some("redirect") => Ok(Some(HotspotAnswer::Redirect)),
        Some("cookie") => Ok(Some(HotspotAnswer::Cookie)),
        _ => Err(wrong()),
    };
    let portals: Vec<(Portal, Option<HotspotAnswer>)> = match written.get_ref() {
        Value::Table(table) => table
            .iter()
            .map(|(host, value)| {
                let known = Portal::ALL.into_iter().find(|portal| portal.host() == host);
                Ok((known.ok_or_else(wrong)?, answer(value)?))
            })
            .collect::<Result<_, _>>()?,
        value => {
            let answer = answer(value)?;
            Portal::ALL.into_iter().map(|portal| (portal, answer)).collect()
        }
    };
    Ok(portals.into_iter().filter_map(|(portal, answer)| Some((portal, answer?))).collect())
}

/// `OAUTH_SENDER`, in the spelling of `SENDERS`.
fn oauth_sender(
    document: &Document<'_>,
    file: &File,
    senders: &Senders,
) -> Result<Option<String>, ConfigError> {
    let Some(written) = &file.oauth_sender else { return Ok(None) };
    match senders.find(written.get_ref()) {
        Some(Sender { address, password: None }) => Ok(Some(address.clone())),
        Some(_) => Err(document.error(
            written,
            "OAUTH_SENDER: this sender has a password, which a login by OAuth does not ask for; \
             name one without",
        )),
        None => Err(document.error(
            written,
            format_args!("OAUTH_SENDER: {:?} is not in SENDERS; add it there", written.get_ref()),
        )),
    }
}

/// `ERROR_CODES`.
fn error_codes(document: &Document<'_>, file: &File) -> Result<ErrorCodes, ConfigError> {
    let Some(written) = &file.error_codes else { return Ok(ErrorCodes::Status) };
    match written.get_ref().as_str() {
        "status" => Ok(ErrorCodes::Status),
        "gateway" => Ok(ErrorCodes::Gateway),
        _ => Err(document.error(
            written,
            "ERROR_CODES: \"status\" or \"gateway\" is needed; write it like \
             ERROR_CODES = \"status\"",
        )),
    }
}

/// What a stranger may use up.
fn limits(document: &Document<'_>, file: &File) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let connections = match &file.max_connections {
        Some(written) if *written.get_ref() == 0 => {
            return Err(document.error(
                written,
                "MAX_CONNECTIONS: cameras need at least 1; write it like MAX_CONNECTIONS = 512",
            ));
        }
        Some(written) => usize::from(*written.get_ref()),
        None => default.connections,
    };
    let time = |key: &str, written: &Option<Spanned<String>>, default| {
        duration(document, key, written, default)
    };
    Ok(Limits {
        connections,
        head: time("HEAD_TIMEOUT", &file.head_timeout, default.head)?,
        silence: time("SILENCE_TIMEOUT", &file.silence_timeout, default.silence)?,
        slowest: size(document, "MIN_RATE", &file.min_rate, default.slowest)?,
        slow_after: time("MIN_RATE_AFTER", &file.min_rate_after, default.slow_after)?,
    })
}

fn duration(
    document: &Document<'_>,
    key: &str,
    written: &Option<Spanned<String>>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    let Some(written) = written else { return Ok(default) };
    values::duration(written.get_ref()).ok().filter(|time| !time.is_zero()).ok_or_else(|| {
        document.error(written, format_args!("{key}: write a time like {key} = \"20 s\""))
    })
}

fn size(
    document: &Document<'_>,
    key: &str,
    written: &Option<Spanned<String>>,
    default: u64,
) -> Result<u64, ConfigError> {
    let Some(written) = written else { return Ok(default) };
    values::size(written.get_ref()).map_err(|error| {
        document.error(written, format_args!("{key}: {error}; write it like {key} = \"256 MiB\""))
    })
}
