//! What is written for each key, and where: on the command line, in the
//! environment, in a file of its own, or in `config.toml`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::document::Document;
use super::error::{ConfigError, Place, nearest};
use super::keys::{self, Draft, Key};
use super::value::Value;

/// What the names of variables that stand for keys begin with.
pub const PREFIX: &str = "AFTERIMAGE_";

/// Variables of this prefix that are no keys: what is logged, and what tests
/// set.
const OTHERS: [&str; 1] = ["AFTERIMAGE_LOG"];

/// What counts before `config.toml`.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Names and values of variables.
    pub variables: Vec<(String, String)>,
    /// `--listen`.
    pub listen: Option<String>,
}

impl Overrides {
    /// The variables of the process.
    pub fn of_process(listen: Option<String>) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self { variables, listen }
    }

    /// The variable that stands for `key`.
    pub(super) fn variable(&self, key: &str) -> Option<(&str, &str)> {
        let wanted = |name: &str| name.strip_prefix(PREFIX) == Some(key);
        let found = self.variables.iter().find(|(name, _)| wanted(name))?;
        Some((&found.0, &found.1))
    }
}

/// Where the value of a key is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `config.toml`.
    File,
    /// A variable of the environment.
    Environment,
    /// A file that `KEY_FILE` names.
    FileOfItsOwn(PathBuf),
    /// An argument.
    CommandLine,
}

/// The value of one key, as it is written.
#[derive(Clone)]
pub struct Written {
    /// The key.
    pub key: &'static Key,
    /// Its value.
    pub value: Json,
    /// Where it is from.
    pub origin: Origin,
    /// Where exactly.
    pub place: Place,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.key.name, self.place)
    }
}

impl Written {
    /// Reads it into `draft`.
    pub(super) fn set(&self, base: &Path, draft: &mut Draft) -> Result<(), ConfigError> {
        let raw = match (&self.origin, &self.value) {
            (Origin::File, _) => None,
            (_, Json::String(raw)) => Some(raw.clone()),
            _ => None,
        };
        let is_secret = self.key.is_secret;
        let value = Value { written: self.value.clone(), raw, base, is_secret };
        (self.key.set)(&value, draft).map_err(|message| self.error(&message))
    }

    /// What the file says of the key, where something else counts before it.
    pub(super) fn in_file(&self, document: &Document<'_>) -> Option<Self> {
        let (value, place) = document.value(self.key.name)?;
        (self.origin != Origin::File).then_some(Self {
            key: self.key,
            value,
            origin: Origin::File,
            place,
        })
    }

    /// An error where it is written, with how it would be right.
    pub(super) fn error(&self, message: &str) -> ConfigError {
        let Key { name, example, .. } = self.key;
        let message = message.trim_end_matches(',');
        self.place.error(format_args!("{name}: {message}; write it like {name} = {example}"))
    }
}

/// What is written for every key that is written somewhere.
///
/// # Errors
/// A file that `KEY_FILE` names cannot be read, or one key has two values.
pub(super) fn gather(
    document: &Document<'_>,
    base: &Path,
    overrides: &Overrides,
    warnings: &mut Vec<String>,
) -> Result<Vec<Written>, ConfigError> {
    let mut all = Vec::new();
    for key in keys::all() {
        all.extend(one(key, document, base, overrides)?);
    }
    for (name, _) in &overrides.variables {
        let key = name.strip_prefix(PREFIX).unwrap_or(name);
        if keys::of(key).is_none() {
            let known: Vec<&str> = keys::all().map(|key| key.name).collect();
            let hint = match nearest(key, &known) {
                Some(near) => format!("; did you mean {PREFIX}{near}?"),
                None => String::new(),
            };
            warnings.push(format!("{name} in the environment is no key and has no effect{hint}"));
        }
    }
    Ok(all)
}

fn one(
    key: &'static Key,
    document: &Document<'_>,
    base: &Path,
    overrides: &Overrides,
) -> Result<Option<Written>, ConfigError> {
    let name = key.name;
    let place = |source: &str| Place { source: source.to_owned(), line: None };
    if let (Some(listen), "LISTEN") = (&overrides.listen, name) {
        let value = Json::String(listen.clone());
        let place = place("--listen");
        return Ok(Some(Written { key, value, origin: Origin::CommandLine, place }));
    }
    let file_key = format!("{name}_FILE");
    if let Some((variable, value)) = overrides.variable(name) {
        let place = place(variable);
        if key.is_secret && overrides.variable(&file_key).is_some() {
            return Err(place.error(format_args!("{variable}_FILE is set as well; remove one")));
        }
        let value = Json::String(value.to_owned());
        return Ok(Some(Written { key, value, origin: Origin::Environment, place }));
    }
    if key.is_secret
        && let Some((variable, path)) = overrides.variable(&file_key)
    {
        return in_file(key, &base.join(path), place(variable)).map(Some);
    }
    let Some((value, place)) = document.value(name) else {
        return match document.value(&file_key).filter(|_| key.is_secret) {
            Some((Json::String(path), place)) => in_file(key, &base.join(path), place).map(Some),
            Some((_, place)) => {
                Err(place.error(format_args!("{file_key}: the path of a file in quotes is needed")))
            }
            None => Ok(None),
        };
    };
    if key.is_secret && document.value(&file_key).is_some() {
        return Err(place.error(format_args!("{name} and {file_key} are both there; remove one")));
    }
    Ok(Some(Written { key, value, origin: Origin::File, place }))
}

fn in_file(key: &'static Key, path: &Path, place: Place) -> Result<Written, ConfigError> {
    let name = key.name;
    let text =
        secret_in(path).map_err(|error| place.error(format_args!("{name}_FILE: {error}")))?;
    let origin = Origin::FileOfItsOwn(path.to_owned());
    Ok(Written { key, value: Json::String(text), origin, place })
}

/// The secret in the file at `path`, without the end of its line.
///
/// # Errors
/// It cannot be read, is empty, or is longer than any secret.
pub(super) fn secret_in(path: &Path) -> Result<String, String> {
    const LONGEST: u64 = 64 << 10;
    let shown = path.display();
    let read = || {
        let file = std::fs::File::open(path)?;
        std::io::read_to_string(std::io::Read::take(file, LONGEST + 1))
    };
    let text = read().map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if text.len() as u64 > LONGEST {
        return Err(format!("{shown} is longer than any secret"));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{shown} is empty")),
        secret => Ok(secret.to_owned()),
    }
}
