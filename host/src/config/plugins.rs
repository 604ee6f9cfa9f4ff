//! `[PLUGINS.name]` and the bundled plugins: where their bytes are, what they
//! may ask for, what they may use.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use toml::Spanned;

use super::file::{AllowTable, ConfigError, Document, File, PluginTable, SecretTable};
use crate::action_name::is_plain;
use crate::bundled::{self, BUNDLED};
use crate::capability::http::{HttpGrant, Injected, Injection, Origin};
use crate::capability::{Grants, MailGrant, StoreGrant};
use crate::plugin::{Limits, Plugin, PluginSource};
use crate::secret::Secret;
use crate::values;

/// All plugins by name, bundled ones first.
pub(super) fn plugins(
    document: &Document<'_>,
    file: &File,
    base: &Path,
) -> Result<BTreeMap<String, Arc<Plugin>>, ConfigError> {
    let mut plugins: BTreeMap<String, Arc<Plugin>> = BUNDLED
        .iter()
        .map(|bundled| {
            let plugin = Plugin {
                name: bundled.name.to_owned(),
                source: PluginSource::Bundled(bundled.component),
                grants: (bundled.grants)(),
                limits: (bundled.limits)(),
            };
            (bundled.name.to_owned(), Arc::new(plugin))
        })
        .collect();
    for (name, table) in &file.plugins {
        if bundled::is_taken(name) {
            return Err(document.error(
                &table.component,
                format_args!("[PLUGINS.{name}]: {name} is a bundled action; choose another name"),
            ));
        }
        if *name != name.to_lowercase() || !is_plain(name) {
            return Err(document.error(
                &table.component,
                format_args!("[PLUGINS.{name}]: a name has lower-case letters, digits, - and _"),
            ));
        }
        plugins.insert(name.clone(), Arc::new(plugin(document, name, table, base)?));
    }
    Ok(plugins)
}

fn plugin(
    document: &Document<'_>,
    name: &str,
    table: &PluginTable,
    base: &Path,
) -> Result<Plugin, ConfigError> {
    let path = base.join(table.component.get_ref());
    if let Err(error) = std::fs::File::open(&path) {
        return Err(document.error(
            &table.component,
            format_args!(
                "[PLUGINS.{name}]: {} cannot be read: {error}; correct COMPONENT or remove the plugin",
                path.display()
            ),
        ));
    }
    if let Some(sha256) = &table.sha256 {
        let digits = sha256.get_ref();
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(document.error(
                sha256,
                format_args!("[PLUGINS.{name}]: SHA256 has 64 hexadecimal digits; `sha256sum FILE` prints them"),
            ));
        }
    }
    let store = match &table.allow.store {
        Some(folder) if !is_plain(folder.get_ref()) => {
            return Err(document.error(
                folder,
                format_args!(
                    "[PLUGINS.{name}]: STORE is the name of one folder below UPLOAD_FOLDER"
                ),
            ));
        }
        Some(folder) => Some(StoreGrant::Folder(folder.get_ref().clone())),
        None => None,
    };
    let mut origins = Vec::new();
    for written in &table.allow.http {
        let origin = Origin::parse(written.get_ref()).map_err(|message| {
            document.error(written, format_args!("[PLUGINS.{name}]: HTTP: {message}"))
        })?;
        origins.push(origin);
    }
    if let (true, Some(written)) = (origins.is_empty(), &table.allow.private_networks) {
        return Err(document.error(
            written,
            format_args!(
                "[PLUGINS.{name}]: PRIVATE_NETWORKS widens HTTP; add HTTP = [\"http://host\"]"
            ),
        ));
    }
    let injections = injections(document, name, &table.secrets, &origins)?;
    let http = (!origins.is_empty()).then(|| {
        let private_networks = table.allow.private_networks.as_ref().is_some_and(|p| *p.get_ref());
        Arc::new(HttpGrant { origins, private_networks, injections })
    });
    let AllowTable { store: kept, mail, process, http: reached, .. } = &table.allow;
    let granted = [
        kept.as_ref().map(Spanned::span),
        mail.as_ref().map(Spanned::span),
        process.as_ref().map(Spanned::span),
        reached.first().map(Spanned::span),
    ];
    if let (Some(span), None) = (granted.into_iter().flatten().next(), &table.sha256) {
        return Err(document.error(
            &Spanned::new(span, ()),
            format_args!("[PLUGINS.{name}]: a grant belongs to certain bytes; add SHA256 = \"...\", as `sha256sum FILE` prints it"),
        ));
    }
    let defaults = Limits::default();
    let duration = |written: &Option<Spanned<String>>, default| match written {
        Some(text) => values::duration(text.get_ref())
            .map_err(|error| document.error(text, format_args!("[PLUGINS.{name}]: {error}"))),
        None => Ok(default),
    };
    let memory = match &table.limits.memory {
        Some(text) => values::size(text.get_ref())
            .map_err(|error| document.error(text, format_args!("[PLUGINS.{name}]: {error}")))?
            .try_into()
            .unwrap_or(usize::MAX),
        None => defaults.memory,
    };
    Ok(Plugin {
        name: name.to_owned(),
        source: PluginSource::File {
            path,
            sha256: table.sha256.as_ref().map(|digits| digits.get_ref().to_lowercase()),
        },
        grants: Grants {
            folders: None,
            store,
            mail: mail
                .as_ref()
                .map(|recipients| MailGrant { recipients: recipients.get_ref().clone() }),
            process: process.as_ref().is_some_and(|process| *process.get_ref()),
            http,
        },
        limits: Limits {
            cpu: duration(&table.limits.cpu, defaults.cpu)?,
            wall: duration(&table.limits.wall, defaults.wall)?,
            memory,
        },
    })
}

/// Headers that are the transport's, where a secret would be lost or do harm.
const TRANSPORT: [HeaderName; 4] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

/// `SECRETS`, for `origins`, which are those of `ALLOW`.
fn injections(
    document: &Document<'_>,
    plugin: &str,
    secrets: &[SecretTable],
    origins: &[Origin],
) -> Result<Vec<Injection>, ConfigError> {
    let mut injections: Vec<Injection> = Vec::new();
    for secret in secrets {
        let wrong = |at: &Spanned<String>, message: &str| {
            document.error(at, format_args!("[PLUGINS.{plugin}]: SECRETS: {message}"))
        };
        let origin = Origin::parse(secret.origin.get_ref())
            .map_err(|message| wrong(&secret.origin, &message))?;
        if !origins.contains(&origin) {
            let message =
                format!("{origin} is not allowed; add ALLOW = {{ HTTP = [\"{origin}\"] }}");
            return Err(wrong(&secret.origin, &message));
        }
        let header = HeaderName::try_from(secret.header.get_ref())
            .ok()
            .filter(|header| !TRANSPORT.contains(header))
            .ok_or_else(|| {
                wrong(&secret.header, "write the name of a header like \"Authorization\"")
            })?;
        let value = match (&secret.value, &secret.sign) {
            (Some(value), None) if HeaderValue::from_str(value).is_ok() => {
                Injected::Text(Secret::new(value))
            }
            (None, Some(key)) if !key.is_empty() => Injected::Signature(Secret::new(key)),
            _ => {
                let message =
                    "one of VALUE = \"...\", a line of text, and SIGN = \"key\" is needed";
                return Err(wrong(&secret.header, message));
            }
        };
        let kind = std::mem::discriminant(&value);
        if injections.iter().any(|i| i.origin == origin && std::mem::discriminant(&i.value) == kind)
        {
            return Err(wrong(&secret.origin, "an origin has one VALUE and one SIGN at most"));
        }
        if injections.iter().any(|i| i.origin == origin && i.header == header) {
            return Err(wrong(&secret.header, "VALUE and SIGN of an origin need two headers"));
        }
        injections.push(Injection { origin, header, value });
    }
    Ok(injections)
}
