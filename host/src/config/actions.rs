//! The set-up of every action that something is mapped to: its plugin, its
//! settings, and what follows from them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::file::{ConfigError, Document, File, Settings};
use crate::action_name::ActionName;
use crate::bundled::{self, Fault, Place, Written};
use crate::capability::mail::MailServer;
use crate::capability::process::Command;
use crate::delivery::Routes;
use crate::plugin::{Plugin, Setup};

/// Everything that the set-ups are made of.
pub(super) struct Sources<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) file: &'a File,
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
            return Err(self.document.error_in_file(format_args!("{name} is no action")));
        };
        let table = self.tables.get(&name.plugin);
        let merged = |instance| table.map(|table| table.merged(instance)).unwrap_or_default();
        let settings = merged(name.instance.as_deref());
        let mut setup = Setup { settings: settings.clone(), ..Setup::of(plugin.clone()) };
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
        let Some(bundled) = bundled::find(&name.plugin) else { return Ok(setup) };
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

    fn fault(&self, name: &ActionName, fault: Fault) -> ConfigError {
        let Fault { place, message } = fault;
        match (&place, self.tables.get(&name.plugin)) {
            (Place::Key(key), Some(table)) => table.error(name.instance.as_deref(), key, message),
            (Place::Service(service), _) if self.file.actions.contains_key(service) => {
                self.document.error(&self.file.actions[service], message)
            }
            _ => self.document.error_in_file(message),
        }
    }
}
