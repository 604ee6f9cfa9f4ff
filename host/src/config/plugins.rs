//! `[PLUGINS.name]` and the bundled plugins: where their bytes are, what they
//! may ask for, what they may use.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;

mod secrets;
mod table;

use secrets::injections;
use table::{AllowTable, PluginTable, PluginTables};

use super::document::Document;
use super::error::ConfigError;
use crate::action_name::is_plain;
use crate::bundled::{self, BUNDLED};
use crate::capability::http::{HttpGrant, Origin};
use crate::capability::{Grants, MailGrant, StoreGrant};
use crate::plugin::{Limits, Plugin, PluginSource};
use crate::values;

/// All plugins by name, bundled ones first. What is wrong with their files goes
/// to `unreadable`.
pub(super) fn plugins(
    document: &Document<'_>,
    base: &Path,
    unreadable: &mut Vec<String>,
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
    let written: PluginTables = document.deserialize()?;
    for (name, table) in &written.plugins {
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
        plugins.insert(name.clone(), Arc::new(plugin(document, name, table, base, unreadable)?));
    }
    Ok(plugins)
}

fn plugin(
    document: &Document<'_>,
    name: &str,
    table: &PluginTable,
    base: &Path,
    unreadable: &mut Vec<String>,
) -> Result<Plugin, ConfigError> {
    let path = base.join(table.component.get_ref());
    // Whoever looks at the queue needs no plugin.
    if let Err(error) = std::fs::File::open(&path) {
        let error = document.error(
            &table.component,
            format_args!(
                "[PLUGINS.{name}]: {} cannot be read: {error}; correct COMPONENT or remove the plugin",
                path.display()
            ),
        );
        unreadable.push(error.to_string());
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
    let injections = injections(document, name, &table.secrets, &origins, base)?;
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
        Some(text) => match values::duration(text.get_ref()) {
            Ok(time) if !time.is_zero() => Ok(time),
            Ok(_) => {
                let message = "nothing is as quick as that; write a time like \"2 s\"";
                Err(document.error(text, format_args!("[PLUGINS.{name}]: {message}")))
            }
            Err(error) => Err(document.error(text, format_args!("[PLUGINS.{name}]: {error}"))),
        },
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
