//! `afterimage plugin`: what the author of an action and its operator do with
//! a component outside the server.

mod bench;
mod case;
mod fixture;
mod new;
mod request;
mod trial;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::capability::Grants;
use crate::capability::offers::offers;
use crate::component::inspect::Inspection;
use crate::component::{Problem, read};
use crate::config::{self, Config};
use crate::digest;
use crate::plugin::{Plugin, PluginSource};

/// What can be done with components.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Show what a component is and asks for; runs nothing
    Inspect(Inspect),
    /// Copy a component beside config.toml and configure it there
    Add(Add),
    /// Begin a plugin: a folder that builds as it is
    New(new::New),
    /// Run a component on an upload, without a server
    Try(trial::Try),
    /// Run test cases of a component
    Test(case::Test),
}

#[derive(Args)]
pub(in crate::cli) struct Inspect {
    /// A component's file, or the name of a plugin
    #[arg(value_name = "FILE|NAME")]
    target: PathBuf,
    /// Configuration with its grants [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Add {
    /// The component's file
    file: PathBuf,
    /// What the plugin shall be called [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Replace the component of a plugin that is there; it keeps its grants
    #[arg(long)]
    update: bool,
    /// Address or service that is to go to it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    map: Vec<String>,
    /// Configuration to add it to
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_FILE)]
    config: PathBuf,
}

impl Command {
    /// Does it and prints what came of it. The answer is false for an upload
    /// that was not delivered, or a test that failed.
    pub(super) fn run(&self, print: &dyn Fn(&str)) -> anyhow::Result<bool> {
        match self {
            Self::Inspect(inspect) => print(inspect.run()?.trim_end()),
            Self::Add(add) => print(add.run()?.trim_end()),
            Self::New(new) => print(&new.run()?),
            Self::Try(r#try) => return r#try.run(print),
            Self::Test(test) => return test.run(print),
        }
        Ok(true)
    }
}

impl Inspect {
    fn run(&self) -> anyhow::Result<String> {
        let config = match &self.config {
            Some(path) => Some(Config::load(path)?),
            // A configuration that is being written need not be whole yet.
            None => Config::load(Path::new(config::DEFAULT_FILE)).ok(),
        };
        let target = self.target.display().to_string();
        if self.target.is_file() {
            let bytes = read(&self.target)?;
            let plugin = config.and_then(|config| configured(&config, &self.target, &bytes));
            let name = plugin_name(&self.target);
            let title = match &plugin {
                Some(plugin) => format!("{target}, plugin {}", plugin.name),
                None => target.clone(),
            };
            return Ok(look_at(&bytes, &title, &target, &name, plugin.as_ref()).to_string());
        }
        let config = match config {
            Some(config) => config,
            None => Config::default_for(Path::new(""))?,
        };
        let Some(plugin) = config.plugins.get(&target).map(|plugin| Plugin::clone(plugin)) else {
            let names: Vec<&str> = config.plugins.keys().map(String::as_str).collect();
            bail!("{target} is neither a file nor a plugin; plugins are {}", names.join(", "));
        };
        Ok(match &plugin.source {
            PluginSource::Bundled(bytes) => {
                let title = format!("{target}, bundled");
                look_at(bytes, &title, "", &target, Some(&plugin)).to_string()
            }
            PluginSource::File { path, .. } => {
                let bytes = read(path)?;
                let title = format!("{}, plugin {target}", path.display());
                look_at(&bytes, &title, "", &target, Some(&plugin)).to_string()
            }
        })
    }
}

/// The component in `bytes`, with the grants of `plugin` if it is one.
fn look_at(
    bytes: &[u8],
    title: &str,
    component: &str,
    name: &str,
    plugin: Option<&Plugin>,
) -> Inspection {
    let offers = match plugin {
        Some(plugin) => offers(&plugin.grants),
        None => offers(&Grants::default()),
    };
    Inspection::new(bytes, title, component, name, offers, plugin.map(Plugin::configured))
}

/// The plugin that is made of this file or these bytes.
fn configured(config: &Config, file: &Path, bytes: &[u8]) -> Option<Plugin> {
    let file = file.canonicalize().ok();
    let digest = digest::sha256(bytes);
    let made_of = |plugin: &&Plugin| match &plugin.source {
        PluginSource::Bundled(_) => false,
        PluginSource::File { path, sha256 } => {
            sha256.as_ref() == Some(&digest) || path.canonicalize().ok() == file
        }
    };
    config.plugins.values().map(AsRef::as_ref).find(made_of).cloned()
}

impl Add {
    fn run(&self) -> anyhow::Result<String> {
        let bytes = read(&self.file)?;
        let name = self.name.clone().unwrap_or_else(|| plugin_name(&self.file));
        let title = self.file.display().to_string();
        let folder = self.config.parent().unwrap_or(Path::new("")).join("plugins");
        let kept = folder.join(format!("{}.wasm", digest::sha256(&bytes)));
        let component = format!("plugins/{}.wasm", digest::sha256(&bytes));
        let inspection = look_at(&bytes, &title, &component, &name, None);
        if let Some(problem) = inspection.problem() {
            bail!("{title} cannot be an action: {problem}");
        }

        // Before the configuration names it, and under a name that no other
        // bytes can have.
        let is_new = !kept.exists();
        if is_new {
            let place = |error: std::io::Error| format!("{}: {error}", folder.display());
            std::fs::create_dir_all(&folder).map_err(|e| anyhow::anyhow!(place(e)))?;
            let draft = kept.with_extension("new");
            std::fs::write(&draft, &bytes)
                .and_then(|()| std::fs::rename(&draft, &kept))
                .map_err(|e| anyhow::anyhow!(place(e)))?;
        }
        let stanza = config::Stanza {
            name: &name,
            component: &component,
            sha256: inspection.digest(),
            update: self.update,
            mapped: &self.map,
        };
        if let Err(error) = stanza.write(&self.config) {
            if is_new {
                // Nothing names it.
                let _ = std::fs::remove_file(&kept);
            }
            return Err(error);
        }

        let config = Config::load(&self.config)?;
        let plugin = config
            .plugins
            .get(&name)
            .map(|plugin| Plugin::clone(plugin))
            .context("it was just written")?;
        let inspection = look_at(&bytes, &title, &component, &name, Some(&plugin));
        let next = match inspection.problem() {
            None if !self.map.is_empty() => format!("{} goes to it", self.map.join(", ")),
            None | Some(Problem::NotGranted { .. }) => format!(
                "then map a recipient or a service to it, in [ACTIONS]:\n  \
                 \"{name}@example.org\" = \"{name}\""
            ),
            Some(_) => String::new(),
        };
        Ok(format!("{inspection}\n[PLUGINS.{name}] is in {}; {next}", self.config.display()))
    }
}

/// A name for the plugin in `file`.
fn plugin_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    match name.trim_matches('-') {
        "" => "plugin".to_owned(),
        name => name.chars().take(64).collect(),
    }
}
