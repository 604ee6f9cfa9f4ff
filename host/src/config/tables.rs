//! `[NAME]` and `[NAME.instance]`: the settings of an action.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::document::{Document, json};
use super::error::ConfigError;
use super::keys;
use crate::bundled::{BUNDLED, Bundled};

/// Settings of the actions by lower-case name, for those in `actions`:
/// `[NAME]`, or keys `NAME_KEY` of the older server. Any other name that
/// is no key is an error.
pub(super) fn settings<'a>(
    document: &'a Document<'a>,
    actions: &[String],
) -> Result<BTreeMap<String, Settings<'a>>, ConfigError> {
    let mut settings: BTreeMap<String, Settings<'a>> = BTreeMap::new();
    let mut unknown = None;
    for (key, value) in document.table.iter() {
        let name = key.get_ref().as_ref();
        if keys::of(name).is_some() {
            continue;
        }
        let action = name.to_lowercase();
        match value.get_ref() {
            DeValue::Table(table) if name == name.to_uppercase() && actions.contains(&action) => {
                let of = settings.entry(action);
                let of = of.or_insert_with_key(|action| Settings::new(document, action));
                of.table = Some(table);
            }
            value if !value.is_table() => match flat(name) {
                Some((action, rest)) => {
                    let of = settings.entry(action.to_owned());
                    let of = of.or_insert_with_key(|action| Settings::new(document, action));
                    of.flat.push((rest, key, value));
                }
                None => unknown = unknown.or(Some((name, "key", key.span()))),
            },
            _ => unknown = unknown.or(Some((name, "table", key.span()))),
        }
    }
    let Some((name, kind, span)) = unknown else { return Ok(settings) };
    let candidates: Vec<String> = keys::all()
        .map(|key| key.name.to_owned())
        .chain(actions.iter().map(|name| name.to_uppercase()))
        .collect();
    Err(document.unknown(kind, name, &candidates, &span))
}

/// Bundled action and key of a name like `MASTODON_TOKEN`, as two versions of
/// the older server had them.
fn flat(name: &str) -> Option<(&'static str, &'static str)> {
    BUNDLED.iter().find_map(|bundled| {
        let rest = name.strip_prefix(&bundled.name.to_uppercase())?.strip_prefix('_')?;
        let key = bundled.settings.iter().find(|key| **key == rest)?;
        Some((bundled.name, *key))
    })
}

/// `[NAME]` with its instances `[NAME.instance]`.
pub(super) struct Settings<'a> {
    document: &'a Document<'a>,
    name: String,
    /// The table, if there is one.
    pub(super) table: Option<&'a DeTable<'a>>,
    /// What the older server's keys `NAME_KEY` say of the table's keys.
    pub(super) flat: Vec<(&'static str, &'a Spanned<DeString<'a>>, &'a DeValue<'a>)>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(document: &'a Document<'a>, action: &str) -> Self {
        Self { document, name: action.to_uppercase(), table: None, flat: Vec::new() }
    }

    /// Names of the instances.
    pub(super) fn instances(&self) -> Vec<String> {
        let table = self.table.into_iter().flat_map(|table| table.iter());
        table
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(key, _)| key.get_ref().to_string())
            .collect()
    }

    /// An error at the place of `key` in the table of `instance` or, where it
    /// has none, in `[NAME]`; at the first of their lines if it is in neither.
    pub(super) fn error(
        &self,
        instance: Option<&str>,
        key: &str,
        message: impl fmt::Display,
    ) -> ConfigError {
        match self.span(instance, key) {
            Some(span) => self.document.place(&span).error(message),
            None => self.document.whole().error(message),
        }
    }

    fn span(&self, instance: Option<&str>, key: &str) -> Option<Range<usize>> {
        let mut tables = self.overlay(instance).into_iter().chain(self.table);
        let flat = self.flat.iter().find(|(name, ..)| *name == key);
        tables
            .clone()
            .find_map(|table| table.iter().find(|(name, _)| name.get_ref() == key))
            .map(|(key, _)| key.span())
            .or_else(|| flat.map(|(_, key, _)| key.span()))
            .or_else(|| tables.find_map(|table| table.iter().next()).map(|(key, _)| key.span()))
            .or_else(|| self.flat.first().map(|(_, key, _)| key.span()))
    }

    fn overlay(&self, instance: Option<&str>) -> Option<&'a DeTable<'a>> {
        self.table?.get(instance?)?.get_ref().as_table()
    }

    /// Refuses keys that are not those of `bundled`, in the table and its
    /// instances.
    pub(super) fn check_keys(&self, bundled: &Bundled) -> Result<(), ConfigError> {
        let known: Vec<String> = bundled.settings.iter().map(|key| (*key).to_owned()).collect();
        let in_files: Vec<String> =
            bundled.secrets.iter().map(|key| format!("{key}_FILE")).collect();
        let Some(table) = self.table else { return Ok(()) };
        let instances = table.values().filter_map(|value| value.get_ref().as_table());
        for (key, value) in std::iter::once(table).chain(instances).flat_map(DeTable::iter) {
            let name = key.get_ref().to_string();
            if !value.get_ref().is_table() && !known.contains(&name) && !in_files.contains(&name) {
                let kind = format!("key in [{}]:", self.name);
                return Err(self.document.unknown(&kind, &name, &known, &key.span()));
            }
        }
        Ok(())
    }

    /// Keys of the server in this table, which a component gets instead.
    pub(super) fn doubtful(&self) -> Vec<String> {
        let keys = self.table.into_iter().flat_map(|table| table.keys());
        let names =
            keys.map(|key| key.get_ref().as_ref()).filter(|name| keys::find(name).is_some());
        names.map(|name| self.document.misplaced(name, &self.name)).collect()
    }

    /// The table with that of `instance` laid over it, as JSON, made afresh:
    /// nothing of an instance ever reaches the table itself.
    pub(super) fn merged(&self, instance: Option<&str>) -> Map<String, Value> {
        let flat = self.flat.iter().map(|(name, _, value)| ((*name).to_owned(), json(value)));
        let mut merged: Map<String, Value> = flat.collect();
        merged.extend(self.table.into_iter().flat_map(scalars));
        merged.extend(self.overlay(instance).into_iter().flat_map(scalars));
        merged
    }
}

fn scalars<'a>(table: &'a DeTable<'a>) -> impl Iterator<Item = (String, Value)> + 'a {
    table
        .iter()
        .filter(|(_, value)| !value.get_ref().is_table())
        .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_instance_overrides_only_what_it_names_and_leaves_the_table_alone() {
        let text = "[STORE]\nA = 1\nB = 2\n[STORE.pub]\nB = 3\n";
        let document = Document::parse(Path::new("config.toml"), text).unwrap();
        let tables = settings(&document, &["store".to_owned()]).unwrap();
        let merged = |instance| Value::from(tables["store"].merged(instance)).to_string();
        assert_eq!(merged(Some("pub")), r#"{"A":1,"B":3}"#);
        assert_eq!(merged(None), r#"{"A":1,"B":2}"#);
    }

    #[test]
    fn flat_keys_of_the_older_server_are_those_of_the_table() {
        let text = "MASTODON_TOKEN = \"t\"\nMASTODON_VISIBILITY = \"public\"\n\
            [MASTODON]\nVISIBILITY = \"unlisted\"\n";
        let document = Document::parse(Path::new("config.toml"), text).unwrap();
        let tables = settings(&document, &["mastodon".to_owned()]).unwrap();
        let merged = Value::from(tables["mastodon"].merged(None)).to_string();
        assert_eq!(merged, r#"{"TOKEN":"t","VISIBILITY":"unlisted"}"#);
    }
}
