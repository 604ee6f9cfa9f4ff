//! The actions that come with the program: components like any other, built
//! by `build.rs` from `plugins/`. One file each has all that the host knows of
//! it: its keys, what it may use and ask for, and what follows from its
//! settings.

mod email;
mod ignore;
pub mod mastodon;
mod shell;
mod store;

use std::path::Path;

use serde_json::{Map, Value};

use crate::action_name::ActionName;
use crate::capability::Grants;
use crate::capability::mail::MailServer;
use crate::plugin::{Limits, Setup};

/// A component in this program.
pub struct Bundled {
    /// Name of the action.
    pub name: &'static str,
    /// Other names, as the older server's configurations use them.
    pub aliases: &'static [&'static str],
    /// The component.
    pub component: &'static [u8],
    /// Keys of its settings.
    pub settings: &'static [&'static str],
    /// Those among them that the host keeps to itself: the component finds
    /// `{"secret": true}` in their place.
    pub secrets: &'static [&'static str],
    /// What one delivery may use.
    pub limits: fn() -> Limits,
    /// What it may ask of the host, whatever its settings.
    pub grants: fn() -> Grants,
    /// What it gets when the operator maps it to nothing.
    pub default_for: Unmapped,
    /// Checks the settings of one instance and adds to its set-up what follows
    /// from them.
    pub resolve: fn(&Written<'_>, &mut Setup) -> Result<Resolved, Fault>,
}

/// The uploads that an action gets when the operator maps nothing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmapped {
    /// None.
    Nothing,
    /// Everything.
    All,
    /// E-mails, once `MAIL_SERVER` is set.
    EmailOnceThereIsAServer,
}

/// What the operator wrote about one instance of an action.
pub struct Written<'a> {
    /// The action.
    pub name: &'a ActionName,
    /// `[NAME]` with `[NAME.instance]` over it, secrets included.
    pub settings: &'a Map<String, Value>,
    /// `[NAME]` alone, for an instance.
    pub inherited: Option<&'a Map<String, Value>>,
    /// Where relative paths start: the folder of `config.toml`.
    pub base: &'a Path,
    /// The services that are mapped to it.
    pub services: &'a [&'a str],
    /// The operator's mail server.
    pub mail: &'a MailServer,
}

/// What came of it, beside the set-up.
#[derive(Debug, Default)]
pub struct Resolved {
    /// What will not do what the operator may expect.
    pub warnings: Vec<String>,
}

/// Something in the settings that the action cannot run with.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// What is wrong and what to do; never a secret.
    pub message: String,
}

/// Where a fault stands in `config.toml`.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// At this key of the action's table.
    Key(String),
    /// Where this service is mapped to it.
    Service(String),
}

impl Fault {
    /// One at `key` of the action's table.
    pub fn at(key: &str, message: impl Into<String>) -> Self {
        Self { place: Place::Key(key.to_owned()), message: message.into() }
    }
}

/// All of them, by name.
pub const BUNDLED: &[Bundled] =
    &[email::EMAIL, ignore::IGNORE, mastodon::MASTODON, shell::SHELL, store::STORE];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Bundled> {
    BUNDLED.iter().find(|bundled| bundled.name == name)
}

/// Whether `name` is the name of one, or another name of one.
pub fn is_taken(name: &str) -> bool {
    find(name).is_some() || BUNDLED.iter().any(|bundled| bundled.aliases.contains(&name))
}

/// Reads `name` or `name.instance`, other names of bundled actions resolved.
pub fn action_name(written: &str) -> ActionName {
    let mut name = ActionName::parse(written);
    if let Some(bundled) = BUNDLED.iter().find(|b| b.aliases.contains(&name.plugin.as_str())) {
        name.plugin = bundled.name.to_owned();
    }
    name
}

/// The action that gets what is not mapped, by default.
pub fn default_for(unmapped: Unmapped) -> ActionName {
    let bundled = BUNDLED.iter().find(|bundled| bundled.default_for == unmapped);
    let name = bundled.expect("one of the table has it, as a test shows").name;
    ActionName { plugin: name.to_owned(), instance: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_has_its_action_and_every_secret_is_a_key() {
        assert_eq!(default_for(Unmapped::All).plugin, store::STORE.name);
        assert_eq!(default_for(Unmapped::EmailOnceThereIsAServer).plugin, email::EMAIL.name);
        for bundled in BUNDLED {
            assert!(bundled.secrets.iter().all(|secret| bundled.settings.contains(secret)));
            assert!(bundled.aliases.iter().all(|alias| find(alias).is_none()));
        }
    }

    #[test]
    fn the_older_servers_names_are_other_names_of_bundled_actions() {
        assert_eq!(action_name("drop").to_string(), "ignore");
        assert_eq!(action_name("mail.club").to_string(), "email.club");
        assert_eq!(action_name("printer.a4").to_string(), "printer.a4");
    }
}
