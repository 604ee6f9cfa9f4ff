//! `[ACTIONS]`: which action an upload goes to.

use std::collections::{BTreeMap, HashMap};

use super::file::{ConfigError, Document, File, nearest};
use crate::action_name::{ActionName, is_plain};

/// The `[ACTIONS]` mapping.
#[derive(Debug, Clone)]
pub struct Routes {
    pub(super) recipients: HashMap<String, ActionName>,
    pub(super) services: BTreeMap<String, ActionName>,
    pub(super) email: Option<ActionName>,
    pub(super) social: ActionName,
}

impl Routes {
    /// The action of an e-mail recipient, none if nothing is mapped and there
    /// is no default. Case does not matter.
    pub fn recipient(&self, address: &str) -> Option<&ActionName> {
        self.recipients.get(&address.to_lowercase()).or(self.email.as_ref())
    }

    /// The action of a service chosen on the camera.
    pub fn service(&self, service: &str) -> &ActionName {
        self.services.get(service).unwrap_or(&self.social)
    }

    /// Every action that an upload can go to, once each.
    pub fn actions(&self) -> Vec<&ActionName> {
        let mut actions: Vec<&ActionName> = self
            .recipients
            .values()
            .chain(self.services.values())
            .chain(&self.email)
            .chain([&self.social])
            .collect();
        actions.sort();
        actions.dedup();
        actions
    }
}

/// Services that cameras are known to offer (`protocol.md` 3).
pub(crate) const SERVICES: [&str; 17] = [
    "facebook",
    "picasa",
    "youtube",
    "photobucket",
    "samsungimaging",
    "cyworld",
    "me2day",
    "poco",
    "weibo",
    "renren",
    "vkontakte",
    "odnoklassniki",
    "kakaostory",
    "evernote",
    "skydrive",
    "flickr",
    "dropbox",
];

/// The mapping as written; the default for e-mail is still open.
pub(super) fn routes(
    document: &Document<'_>,
    file: &File,
    plugins: &[String],
) -> Result<Routes, ConfigError> {
    let mut routes = Routes {
        recipients: HashMap::new(),
        services: BTreeMap::new(),
        email: None,
        social: action_name("store"),
    };
    for (target, written) in &file.actions {
        let name = action_name(written.get_ref());
        if !plugins.contains(&name.plugin) {
            let hint = match nearest(&name.plugin, plugins) {
                Some(near) => format!("did you mean {near}?"),
                None => format!(
                    "there are {}; another one needs [PLUGINS.{}]",
                    plugins.join(", "),
                    name.plugin
                ),
            };
            let message =
                format!("{target:?} goes to {:?}, which is no action; {hint}", name.plugin);
            return Err(document.error(written, message));
        }
        if name.instance.as_ref().is_some_and(|instance| !is_plain(instance)) {
            return Err(document.error(
                written,
                format_args!("{target:?}: an instance's name has letters, digits, - and _"),
            ));
        }
        if target.contains('@') {
            if routes.recipients.insert(target.to_lowercase(), name).is_some() {
                return Err(document.error(
                    written,
                    format_args!("{target:?} is mapped twice; letter case makes no difference"),
                ));
            }
            continue;
        }
        let services: Vec<String> = SERVICES.iter().map(|&service| service.to_owned()).collect();
        if !services.contains(target)
            && let Some(near) = nearest(target, &services)
        {
            return Err(document.error(
                written,
                format_args!(
                    "{target:?} is neither an address nor a service; did you mean {near}?"
                ),
            ));
        }
        routes.services.insert(target.clone(), name);
    }
    Ok(routes)
}

/// Other names of bundled actions, as the old server's configurations use them.
pub(super) const ALIASES: [(&str, &str); 2] = [("drop", "ignore"), ("mail", "email")];

/// Reads `name` or `name.instance`, aliases resolved.
pub fn action_name(written: &str) -> ActionName {
    let mut name = ActionName::parse(written);
    if let Some((_, canonical)) = ALIASES.iter().find(|(alias, _)| *alias == name.plugin) {
        name.plugin = (*canonical).to_owned();
    }
    name
}
