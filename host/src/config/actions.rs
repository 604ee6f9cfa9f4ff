//! The set-up of every action that something is mapped to: its plugin, its
//! settings, and what follows from them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::{Document, Mapping};
use super::error::ConfigError;
use super::tables::Settings;
use super::written::secret_in;
use crate::action_name::ActionName;
use crate::bundled::{self, Bundled, Fault, Place, Written};
use crate::capability::mail::MailServer;
use crate::capability::process::Command;
use crate::delivery::Routes;
use crate::plugin::{Plugin, Setup};

/// Everything that the set-ups are made of.
pub(super) struct Sources<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) mappings: &'a [Mapping],
    pub(super) base: &'a Path,
    pub(super) plugins: &'a BTreeMap<String, Arc<Plugin>>,
    /// `[NAME]` by lower-case name.
    pub(super) tables: &'a BTreeMap<String, Settings<'a>>,
    pub(super) mail: &'a MailServer,
}

/// The set-ups of the actions of `routes`.
pub(super) fn actions(
    sources: &Sources<'_>,
    routes: &Routes,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<ActionName, Setup>, ConfigError> {
    let mut actions = BTreeMap::new();
    for name in routes.actions() {
        actions.insert(name.clone(), sources.action(name, routes, warnings)?);
    }
    Ok(actions)
}

impl Sources<'_> {
    fn action(
        &self,
        name: &ActionName,
        routes: &Routes,
        warnings: &mut Vec<String>,
    ) -> Result<Setup, ConfigError> {
        let Some(plugin) = self.plugins.get(&name.plugin) else {
            return Err(self.document.whole().error(format_args!("{name} is no action")));
        };
        let table = self.tables.get(&name.plugin);
        let merged = |instance| table.map(|table| table.merged(instance)).unwrap_or_default();
        let mut settings = merged(name.instance.as_deref());
        let bundled = bundled::find(&name.plugin);
        for secret in bundled.map(|bundled| bundled.secrets).unwrap_or_default() {
            self.secret_in_file(name, secret, &mut settings)?;
        }
        let mut setup = Setup { settings: settings.clone(), ..Setup::of(plugin.clone()) };
        if let Some(warning) = self.without_table(name, bundled) {
            warnings.push(warning);
        }
        if setup.grants.process {
            let command = Command::read(&settings, self.base).map_err(|(key, message)| {
                let title = match &name.instance {
                    Some(instance) => format!("{}.{instance}", name.plugin.to_uppercase()),
                    None => name.plugin.to_uppercase(),
                };
                self.fault(name, Fault::at(key, format!("[{title}]: {key}: {message}")))
            })?;
            setup.command = Some(command);
        }
        let Some(bundled) = bundled else {
            warnings.extend(table.into_iter().flat_map(|table| seen_by_the_guest(name, table)));
            return Ok(setup);
        };
        let services = routes.services.iter().filter(|(_, action)| *action == name);
        let services: Vec<&str> = services.map(|(service, _)| service.as_str()).collect();
        let inherited = name.instance.is_some().then(|| merged(None));
        let written = Written {
            name,
            settings: &settings,
            inherited: inherited.as_ref(),
            base: self.base,
            services: &services,
            mail: self.mail,
        };
        let resolved =
            (bundled.resolve)(&written, &mut setup).map_err(|fault| self.fault(name, fault))?;
        warnings.extend(resolved.warnings);
        for secret in bundled.secrets {
            if let Some(value) = setup.settings.get_mut(*secret) {
                *value = serde_json::json!({ "secret": true });
            }
        }
        Ok(setup)
    }

    /// Takes a secret from the file that `KEY_FILE` names.
    fn secret_in_file(
        &self,
        name: &ActionName,
        key: &str,
        settings: &mut Map<String, Value>,
    ) -> Result<(), ConfigError> {
        let file_key = format!("{key}_FILE");
        let Some(path) = settings.remove(&file_key) else { return Ok(()) };
        let title = name.plugin.to_uppercase();
        let fault = |message: String| {
            self.fault(name, Fault::at(&file_key, format!("[{title}] {file_key}: {message}")))
        };
        let Some(path) = path.as_str() else {
            return Err(fault("the path of a file in quotes is needed".to_owned()));
        };
        if settings.contains_key(key) {
            return Err(fault(format!("{key} is there as well; remove one")));
        }
        let secret = secret_in(&self.base.join(path)).map_err(fault)?;
        settings.insert(key.to_owned(), secret.into());
        Ok(())
    }

    /// That an instance has no settings of its own, where a bundled action
    /// could have some.
    fn without_table(&self, name: &ActionName, bundled: Option<&Bundled>) -> Option<String> {
        let instance = name.instance.as_ref()?;
        // Elsewhere the instance's name is that of a folder.
        let bundled = bundled?;
        let has_settings = !bundled.settings.is_empty() && (bundled.grants)().store.is_none();
        let instances = self.tables.get(&name.plugin).map(Settings::instances).unwrap_or_default();
        (has_settings && !instances.contains(instance)).then(|| {
            let title = name.plugin.to_uppercase();
            format!(
                "{name} has no settings of its own and does what {} does; add [{title}.{instance}]",
                name.plugin
            )
        })
    }

    fn fault(&self, name: &ActionName, fault: Fault) -> ConfigError {
        let Fault { place, message } = fault;
        match (&place, self.tables.get(&name.plugin)) {
            (Place::Key(key), Some(table)) => table.error(name.instance.as_deref(), key, message),
            (Place::Service(service), _) => {
                let mapping = self.mappings.iter().find(|mapping| mapping.target == *service);
                let place = mapping.map(|mapping| mapping.place.clone());
                place.unwrap_or_else(|| self.document.whole()).error(message)
            }
            _ => self.document.whole().error(message),
        }
    }
}

/// What a component finds in its settings that was hardly meant for it.
fn seen_by_the_guest(name: &ActionName, table: &Settings<'_>) -> Vec<String> {
    let title = name.plugin.to_uppercase();
    let settings = table.merged(name.instance.as_deref());
    let secrets = settings.keys().filter(|key| looks_secret(key)).map(|key| {
        format!(
            "[{title}] {key}: the component sees this; a secret for a server belongs into SECRETS \
             of [PLUGINS.{}], which the host alone reads",
            name.plugin
        )
    });
    secrets.chain(table.doubtful()).collect()
}

/// Whether the value of a key of this name is hardly meant to be seen.
pub fn looks_secret(key: &str) -> bool {
    let key = key.to_uppercase();
    let words = ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "API_KEY", "APIKEY", "PASSPHRASE"];
    words.iter().any(|word| key.contains(word)) || key == "KEY" || key.ends_with("_KEY")
}
