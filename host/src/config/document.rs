//! The text of one `config.toml`, or of one variable that stands for a key of
//! it, and where in it things are written.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place, in_plain_words, nearest};
use super::keys;
use crate::bundled;

/// Keys of tables that are called like one of the top level.
const OF_TABLES: [(&str, &str); 1] = [("AUTOBACKUP", "LISTEN")];

/// A text in TOML and what was read from it.
pub(super) struct Document<'a> {
    source: String,
    has_lines: bool,
    text: &'a str,
    pub(super) table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// The file at `path`.
    pub(super) fn parse(path: &Path, text: &'a str) -> Result<Self, ConfigError> {
        Self::read(path.display().to_string(), true, text)
    }

    /// A variable of the environment, as `KEY = value`.
    pub(super) fn of_variable(name: &str, text: &'a str) -> Result<Self, ConfigError> {
        Self::read(name.to_owned(), false, text)
    }

    fn read(source: String, has_lines: bool, text: &'a str) -> Result<Self, ConfigError> {
        let mut document = Self { source, has_lines, text, table: DeTable::default() };
        let table = DeTable::parse(text).map_err(|error| document.parser_error(&error))?;
        document.table = table.into_inner();
        Ok(document)
    }

    /// What serde makes of the text.
    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(self.text).map_err(|error| self.parser_error(&error))
    }

    fn parser_error(&self, error: &toml::de::Error) -> ConfigError {
        let words = in_plain_words(error.message());
        let Some(span) = error.span() else { return self.whole().error(words) };
        // A key that stands there twice is named by the text itself.
        let named = self.text.get(span.clone()).filter(|key| !key.contains(char::is_whitespace));
        let words = match named {
            Some(key) if words.starts_with("this key ") => words.replacen("this key", key, 1),
            _ => words,
        };
        self.place(&span).error(words)
    }

    /// Where `span` is.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let line = self.has_lines.then(|| line_of(self.text, span.start));
        Place { source: self.source.clone(), line }
    }

    /// The text as a whole.
    pub(super) fn whole(&self) -> Place {
        Place { source: self.source.clone(), line: None }
    }

    /// An error at the place of `at`.
    pub(super) fn error<T>(&self, at: &Spanned<T>, message: impl fmt::Display) -> ConfigError {
        self.place(&at.span()).error(message)
    }

    /// The value of a top-level key and where it stands.
    pub(super) fn value(&self, key: &str) -> Option<(serde_json::Value, Place)> {
        let (name, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((json(value.get_ref()), self.place(&name.span())))
    }

    /// The entries of a top-level table that maps texts to texts.
    pub(super) fn mapping(&self, key: &str) -> Result<Vec<Mapping>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong =
            "a table like [ACTIONS] and below it \"store@example.org\" = \"store\" is needed";
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.place(&value.span()).error(format_args!("{key}: {wrong}")));
        };
        let mut mappings = Vec::new();
        // As they are written, so that the second of two is told.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(target, _)| target.span().start);
        for (target, action) in entries {
            let place = self.place(&target.span());
            let target = target.get_ref().to_string();
            match action.get_ref().as_str() {
                Some(action) => {
                    mappings.push(Mapping { target, action: action.to_owned(), place });
                }
                None => {
                    let message = format!(
                        "{target:?}: an action in quotes is needed, like {target:?} = \"store\""
                    );
                    return Err(place.error(message));
                }
            }
        }
        Ok(mappings)
    }

    /// Refuses keys of the top level in tables that have none of this name: a
    /// line that was added at the end of the file belongs to its last table.
    pub(super) fn check_misplaced(&self) -> Result<(), ConfigError> {
        for (name, value) in self.table.iter() {
            let name = name.get_ref().as_ref();
            let is_ours = keys::of(name).is_some() || bundled::find(&name.to_lowercase()).is_some();
            if let (Some(table), true) = (value.get_ref().as_table(), is_ours) {
                self.check_table(name, table)?;
            }
        }
        Ok(())
    }

    fn check_table(&self, title: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            match value.get_ref().as_table() {
                Some(inner) => self.check_table(&format!("{title}.{name}"), inner)?,
                None if keys::of(name).is_some() && !OF_TABLES.contains(&(title, name)) => {
                    return Err(self.place(&key.span()).error(self.misplaced(name, title)));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// What to say of a key of the top level that stands in a table.
    pub(super) fn misplaced(&self, name: &str, table: &str) -> String {
        let first = self
            .table
            .iter()
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(key, _)| line_of(self.text, key.span().start))
            .min();
        let before = match first {
            Some(line) => format!("above line {line}, before the first table"),
            None => "at the top level".to_owned(),
        };
        format!("{name} belongs {before}; where it stands it is a part of [{table}]")
    }

    pub(super) fn unknown(
        &self,
        kind: &str,
        name: &str,
        known: &[String],
        span: &Range<usize>,
    ) -> ConfigError {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => "this table has no keys".to_owned(),
            None => format!("known are {}", known.join(", ")),
        };
        self.place(span).error(format_args!("unknown {kind} {name}; {hint}"))
    }
}

/// One line of `[ACTIONS]`.
pub(super) struct Mapping {
    /// On the left.
    pub(super) target: String,
    /// On the right.
    pub(super) action: String,
    /// Where it stands.
    pub(super) place: Place,
}

/// `value` as JSON, which actions get.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().into()
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().into(),
        DeValue::Boolean(yes) => (*yes).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
            .collect(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
