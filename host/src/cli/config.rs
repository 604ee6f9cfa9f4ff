//! `afterimage config`: what counts, and where it is written.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::config::keys::{self, Key};
use crate::config::{Config, Origin, Source, Written, looks_secret};

/// Stands in the place of a secret.
const MASKED: &str = "(secret)";

/// Print what counts and where it is written, without secrets
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the manual's table of all keys instead
    #[arg(long)]
    manual: bool,
    /// Print an example of each key instead
    #[arg(long, conflicts_with = "manual")]
    examples: bool,
}

impl Arguments {
    /// What to print.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        if self.manual {
            return Ok(keys::manual().trim_end().to_owned());
        }
        if self.examples {
            let lines: Vec<String> =
                keys::all().map(|key| format!("{} = {}", key.name, key.example)).collect();
            return Ok(lines.join("\n"));
        }
        let source = Source::find(self.config.as_deref(), None);
        let config = source.read()?;
        let file = match &source.path {
            Some(path) => format!("from {}", path.display()),
            None => "defaults; there is no config.toml here".to_owned(),
        };
        let mut text = format!("# {file}\n\n");
        for key in keys::all() {
            line(&mut text, key, &config);
        }
        actions(&mut text, &config);
        for warning in &config.warnings {
            let _ = writeln!(text, "# warning: {warning}");
        }
        Ok(text.trim_end().to_owned())
    }
}

fn line(text: &mut String, key: &Key, config: &Config) {
    let written = config.written.iter().find(|written| written.key.name == key.name);
    let _ = match written {
        Some(written) => {
            writeln!(
                text,
                "{:<40} # {}",
                format!("{} = {}", key.name, shown(written)),
                from(written)
            )
        }
        None => {
            let default = key.default.replace('`', "");
            writeln!(text, "{:<40} # default", format!("# {} = {default}", key.name))
        }
    };
}

fn from(written: &Written) -> String {
    match &written.origin {
        Origin::FileOfItsOwn(path) => format!("{}, {}", written.place, path.display()),
        Origin::File | Origin::Environment | Origin::CommandLine => written.place.to_string(),
    }
}

/// The value, as TOML, without what nobody should see.
fn shown(written: &Written) -> String {
    if written.key.is_secret {
        return format!("{MASKED:?}");
    }
    let value = match (written.key.name, &written.value) {
        // Hashes of passwords.
        ("SENDERS", Value::Object(table)) => masked(table.iter().map(|(address, hash)| {
            let is_open = hash.as_str() == Some("");
            (address, if is_open { hash.clone() } else { MASKED.into() })
        })),
        // Their SECRETS and all.
        ("PLUGINS", Value::Object(table)) => {
            masked(table.keys().map(|name| (name, Value::from("..."))))
        }
        ("PLUGINS", _) => MASKED.into(),
        (_, value) => value.clone(),
    };
    toml_of(&value)
}

fn masked<'a>(entries: impl Iterator<Item = (&'a String, Value)>) -> Value {
    entries.map(|(name, value)| (name.clone(), value)).collect::<serde_json::Map<_, _>>().into()
}

/// `value` on one line.
fn toml_of(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(toml_of).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(table) => {
            let entries: Vec<String> =
                table.iter().map(|(key, value)| format!("{key:?} = {}", toml_of(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// What becomes of uploads, and the settings that each action gets.
fn actions(text: &mut String, config: &Config) {
    let _ = writeln!(text, "\n# {}", config.routes.rest());
    for (name, setup) in &config.actions {
        let seen = masked(setup.settings.iter().map(|(key, value)| {
            (key, if looks_secret(key) { MASKED.into() } else { value.clone() })
        }));
        let _ = writeln!(text, "# {name}: {}", toml_of(&seen));
    }
}
