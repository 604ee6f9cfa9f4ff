//! What an operator decides about an action that is a component: where its
//! bytes are, what it may ask for and use, its settings.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::capability::Grants;
use crate::capability::process::Command;
use crate::component::inspect::Configured;

/// One action as it is to be loaded: a plugin with the settings of an instance.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The component.
    pub plugin: Arc<Plugin>,
    /// `[NAME]` with `[NAME.instance]` over it, as the component sees it.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// What it may ask of the host: what the plugin may, and what follows from
    /// its settings.
    pub grants: Grants,
    /// What `process.run` runs, if it may.
    pub command: Option<Command>,
}

impl Setup {
    /// An action without settings of its own.
    pub fn of(plugin: Arc<Plugin>) -> Self {
        let grants = plugin.grants.clone();
        Self { plugin, settings: serde_json::Map::new(), grants, command: None }
    }
}

/// A component and what it may do.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Name under which `[ACTIONS]` maps to it.
    pub name: String,
    /// Where its bytes are.
    pub source: PluginSource,
    /// What it may ask of the host.
    pub grants: Grants,
    /// What one delivery may use.
    pub limits: Limits,
}

impl Plugin {
    /// What `plugin inspect` shows of it.
    pub fn configured(&self) -> Configured {
        let (sha256, is_unpinned) = match &self.source {
            PluginSource::Bundled(_) => (None, false),
            PluginSource::File { sha256, .. } => (sha256.clone(), sha256.is_none()),
        };
        Configured {
            name: self.name.clone(),
            sha256,
            is_unpinned,
            memory: self.limits.memory,
            limits: self.limits.to_string(),
            reach: self.grants.http.as_ref().map(|grant| grant.lines()).unwrap_or_default(),
        }
    }
}

/// Where a plugin's bytes are.
#[derive(Debug, Clone)]
pub enum PluginSource {
    /// In this program.
    Bundled(&'static [u8]),
    /// In a file of the operator's.
    File {
        /// The component.
        path: PathBuf,
        /// Lower-case hexadecimal SHA-256 of the only bytes accepted.
        sha256: Option<String>,
    },
}

/// What one delivery may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Computing time. 5 s hash or parse hundreds of megabytes; more is a loop.
    pub cpu: Duration,
    /// Time in all, waiting included. 120 s outlast a slow server's answer.
    pub wall: Duration,
    /// Bytes of memory. Sinks in four languages were measured to fit in half
    /// of the default of 64 MiB.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu: Duration::from_secs(5), wall: Duration::from_secs(120), memory: 64 << 20 }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, wall, memory } = *self;
        let (cpu, wall) = (humantime::format_duration(cpu), humantime::format_duration(wall));
        write!(f, "CPU = \"{cpu}\", WALL = \"{wall}\", MEMORY = \"{} MiB\"", memory >> 20)
    }
}
