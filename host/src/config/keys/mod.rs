//! Every key of `config.toml`, once: what the parser takes, what errors and
//! the manual say of it, and whether a running server takes up a change.
//!
//! A new key is a row here, a field in the settings of the part that it is
//! for, and its line in README.md, which a test compares.

mod camera;
mod deliveries;
mod mail;
mod names;
mod pages;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;

use super::value::Value;
use crate::capability::mail::MailServer;
use crate::delivery;

pub(super) use mail::finish as finish_mail;
pub(super) use names::finish as finish_names;
pub(super) use pages::finish as finish_pages;

/// A key of `config.toml`.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What counts where it is not written, for the manual.
    pub default: &'static str,
    /// What it decides, for the manual.
    pub doc: &'static str,
    /// A value of it, as it is written.
    pub example: &'static str,
    /// When a change of it counts.
    pub change: Change,
    /// Whether its value must not be seen.
    pub is_secret: bool,
    /// Reads its value into what it decides.
    pub(super) set: fn(&Value<'_>, &mut Draft) -> Result<(), String>,
}

/// When a change of a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At SIGHUP.
    AtReload,
    /// At the next start.
    AtStart,
}

/// What the keys decide, before one is seen beside the others.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) listen: Option<SocketAddr>,
    pub(super) upload_folder: Option<PathBuf>,
    pub(super) session_folder: Option<PathBuf>,
    pub(super) spool_folder: Option<PathBuf>,
    pub(super) secret: Option<String>,
    pub(super) camera: crate::camera::Settings,
    pub(super) mail: MailServer,
    pub(super) mail_keys: mail::Keys,
    pub(super) deliveries: delivery::Settings,
    pub(super) names: names::Keys,
    pub(super) pages: pages::Keys,
    pub(super) warnings: Vec<String>,
}

/// All keys, in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static Key> {
    [
        server::KEYS,
        camera::KEYS,
        deliveries::KEYS,
        mail::KEYS,
        names::KEYS,
        pages::KEYS,
        server::TABLES,
    ]
    .into_iter()
    .flatten()
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

/// The key that `name` is about: its own, or `KEY_FILE` for that of a secret.
pub fn of(name: &str) -> Option<&'static Key> {
    find(name).or_else(|| find(name.strip_suffix("_FILE")?).filter(|key| key.is_secret))
}

/// The table of the manual, in Markdown.
pub fn manual() -> String {
    let mut table = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    for Key { name, default, doc, change, .. } in all() {
        let mark = if *change == Change::AtStart { "" } else { " ↻" };
        table += &format!("| `{name}`{mark} | {default} | {doc} |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_key_stands_there_once_and_takes_its_own_example() {
        let mut names = BTreeSet::new();
        for key in all() {
            assert!(names.insert(key.name), "{} twice", key.name);
            let text = format!("{} = {}", key.name, key.example);
            let table: toml::Table = toml::from_str(&text).unwrap();
            let written = serde_json::to_value(table[key.name].clone()).unwrap();
            let base = Path::new(env!("CARGO_MANIFEST_DIR"));
            let value = Value { written, raw: None, base, is_secret: key.is_secret };
            // A file that has to be there is not.
            if key.name != "MAIL_CA_FILE" {
                (key.set)(&value, &mut Draft::default()).unwrap();
            }
        }
    }

    #[test]
    fn the_manual_has_the_table() {
        let readme = include_str!("../../../../README.md");
        for line in manual().lines() {
            assert!(readme.contains(line), "README.md lacks the line\n{line}");
        }
    }
}
