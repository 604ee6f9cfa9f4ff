//! From a component's bytes to an [`Action`]: one way for bundled and foreign
//! ones. What cannot run is refused here, at start, in words that tell its
//! author what to do.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use super::cache::Cache;
use super::call::{Action, State};
use super::command::SandboxedCommand;
use super::compile;
use super::engine::{engine, start_clock};
use crate::capability::Facilities;
use crate::capability::process::{Runner, Sandbox};
use crate::config::{ActionName, Command, Config, Grants, Limits, Plugin, PluginSource, Program};
use crate::contract::{self, ActionFullPre};
use crate::digest;

/// Package of the contract and the version that this host speaks.
const PACKAGE: &str = "afterimage:action";
const VERSION: (u32, u32, u32) = (0, 1, 0);

/// Interfaces of the contract that every plugin may import.
const FREE: [&str; 5] = ["uploads", "settings", "log", "progress", "files"];

/// A component that cannot be an action here, and why.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {problem}")]
pub struct LoadError {
    plugin: String,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} has over {} MiB", path.display(), compile::LARGEST >> 20)]
    TooLarge { path: PathBuf },
    #[error(
        "its SHA-256 is {found}, not {expected} as SHA256 says; if you replaced it on purpose, write the new one there"
    )]
    OtherBytes { found: String, expected: String },
    #[error("this is no WebAssembly component; give the .wasm file that the build made")]
    NotWebAssembly,
    #[error(
        "this is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    #[error("{0}")]
    Invalid(String),
    #[error(
        "it uses WASI 0.3 or async functions, which this host does not run; build it for WASI 0.2 (with componentize-qjs: --sync)"
    )]
    Async,
    #[error(
        "it needs {PACKAGE} {major}.{minor}.{patch}; this host speaks {}.{}.{}; update the host or build the plugin for that version",
        VERSION.0, VERSION.1, VERSION.2
    )]
    Version { major: u32, minor: u32, patch: u32 },
    #[error("it needs {0}, which this host does not offer")]
    NotOffered(String),
    #[error(
        "it asks for {0}, which is not granted; to allow it, add to [PLUGINS.{1}]: ALLOW = {{ {2} }}"
    )]
    NotGranted(&'static str, String, &'static str),
    #[error("it is no action: it exports no {PACKAGE}/handler; its exports are: {0}")]
    NoHandler(String),
}

/// Makes actions of components.
pub struct Loader {
    engine: Engine,
    linker: Linker<State>,
    cache: Cache,
    /// Where a sandboxed command finds its file.
    scratch: PathBuf,
}

impl Loader {
    /// A loader that keeps compiled code in `folder`.
    ///
    /// # Errors
    /// The folder cannot be made private or written; the engine does not run
    /// on this machine.
    pub fn new(folder: PathBuf) -> wasmtime::Result<Self> {
        let engine = engine()?;
        start_clock(&engine)?;
        let cache = Cache::open(folder.clone())
            .map_err(|error| wasmtime::format_err!("{}: {error}", folder.display()))?;
        // Removed by the next start where a crash left it.
        let scratch = folder.with_file_name("scratch");
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        std::fs::create_dir(&scratch)?;
        Ok(Self { linker: linker(&engine)?, engine, cache, scratch })
    }

    /// Loads every action that `config` maps to.
    ///
    /// # Errors
    /// The first component that cannot run.
    pub async fn actions(
        &self,
        config: &Config,
        facilities: &Arc<Facilities>,
    ) -> Result<HashMap<ActionName, Arc<Action>>, LoadError> {
        let mut components = HashMap::new();
        let mut actions = HashMap::new();
        for name in config.routes.actions() {
            let plugin = &config.plugins[&name.plugin];
            let component = match components.get(&plugin.name) {
                Some(component) => component,
                None => {
                    let component = self
                        .component(plugin)
                        .await
                        .map_err(|problem| LoadError { plugin: plugin.name.clone(), problem })?;
                    components.entry(plugin.name.clone()).or_insert(component)
                }
            };
            let settings = serde_json::Value::from(config.settings[name].clone()).to_string();
            let command = match config.commands.get(name) {
                Some(command) => {
                    Some(Arc::new(self.runner(command, plugin.limits).await.map_err(
                        |problem| LoadError { plugin: format!("{name}, CMD"), problem },
                    )?))
                }
                None => None,
            };
            let action = Action {
                name: name.clone(),
                component: component.clone(),
                settings: settings.into(),
                grants: config.grants(name),
                limits: plugin.limits,
                facilities: facilities.clone(),
                command,
            };
            actions.insert(name.clone(), Arc::new(action));
        }
        Ok(actions)
    }

    async fn component(&self, plugin: &Plugin) -> Result<ActionFullPre<State>, Problem> {
        let component = match &plugin.source {
            PluginSource::Bundled(bytes) => {
                let sha256 = digest::sha256(bytes);
                self.compiled(&sha256, Stdio::piped(), bytes).await?
            }
            PluginSource::File { path, sha256 } => self.file(path, sha256.as_deref()).await?,
        };
        self.inspect(&component, plugin)?;
        let pre = self.linker.instantiate_pre(&component).map_err(missing)?;
        ActionFullPre::new(pre).map_err(|error| Problem::Invalid(error.root_cause().to_string()))
    }

    /// The component in the file at `path`, which must have this SHA-256.
    async fn file(&self, path: &Path, sha256: Option<&str>) -> Result<Component, Problem> {
        let unreadable = |error| Problem::Unreadable { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.len() > compile::LARGEST {
            return Err(Problem::TooLarge { path: path.to_owned() });
        }
        let mut start = [0; 8];
        let length = file.read(&mut start).map_err(unreadable)?;
        kind(&start[..length])?;
        file.rewind().map_err(unreadable)?;
        let found = digest::sha256_of(&file).map_err(unreadable)?;
        if let Some(expected) = sha256
            && expected != found
        {
            return Err(Problem::OtherBytes { found, expected: expected.to_owned() });
        }
        file.rewind().map_err(unreadable)?;
        self.compiled(&found, file.into(), &[]).await
    }

    /// What runs `command`: for a component, the sandbox with it.
    async fn runner(&self, command: &Command, limits: Limits) -> Result<Runner, Problem> {
        let sandbox: Option<Box<dyn Sandbox>> = match &command.program {
            Program::Native(_) => None,
            Program::Sandboxed(path) => {
                let component = self.file(path, None).await?;
                let limits = Limits { wall: command.timeout, ..limits };
                let scratch = self.scratch.clone();
                let command = SandboxedCommand::new(&self.engine, &component, limits, scratch);
                Some(Box::new(command.map_err(missing)?))
            }
        };
        Ok(Runner { command: command.clone(), sandbox })
    }

    async fn compiled(
        &self,
        sha256: &str,
        component: Stdio,
        bytes: &[u8],
    ) -> Result<Component, Problem> {
        let place = self.cache.place(&self.engine, sha256);
        if let Some(component) = self.cache.load(&self.engine, &place) {
            return Ok(component);
        }
        let unwritable = |error: io::Error| {
            Problem::Invalid(format!("{} cannot be written: {error}", place.display()))
        };
        let (draft, file) = self.cache.draft().map_err(unwritable)?;
        compile::run(component, bytes, file).await.map_err(|words| translate(&words))?;
        self.cache.keep(&draft, &place).map_err(unwritable)?;
        self.cache
            .load(&self.engine, &place)
            .ok_or_else(|| Problem::Invalid("its compiled form does not load".to_owned()))
    }

    /// Compares what the component imports and exports with what it gets.
    fn inspect(&self, component: &Component, plugin: &Plugin) -> Result<(), Problem> {
        let r#type = component.component_type();
        for (import, _) in r#type.imports(&self.engine) {
            if let Some(import) = import.strip_prefix(PACKAGE).and_then(|i| i.strip_prefix('/')) {
                let (interface, version) = import.split_once('@').unwrap_or((import, ""));
                speaks(version)?;
                granted(interface, plugin)?;
            }
        }
        let exports: Vec<String> =
            r#type.exports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let handler = format!("{PACKAGE}/handler@");
        match exports.iter().find_map(|export| export.strip_prefix(&handler)) {
            Some(version) => speaks(version),
            None => Err(Problem::NoHandler(match exports.is_empty() {
                true => "none".to_owned(),
                false => exports.join(", "),
            })),
        }
    }
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let linker_ = &mut linker;
    contract::settings::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.settings
    })?;
    contract::log::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.log
    })?;
    contract::progress::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.progress
    })?;
    contract::files::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.files
    })?;
    contract::store::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.store
    })?;
    contract::mail::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.mail
    })?;
    contract::process::add_to_linker::<_, HasSelf<_>>(linker_, |s: &mut State| {
        &mut s.capabilities.process
    })?;
    Ok(linker)
}

/// Tells a component from what is often given in its place, by its first bytes.
fn kind(start: &[u8]) -> Result<(), Problem> {
    match start {
        [0, b'a', b's', b'm', _, _, 1, 0] => Ok(()),
        [0, b'a', b's', b'm', _, _, 0, 0] => Err(Problem::CoreModule),
        _ => Err(Problem::NotWebAssembly),
    }
}

/// Whether this host speaks `version` of the contract: the same 0.x, and not
/// a newer patch, which may have functions that are missing here.
fn speaks(version: &str) -> Result<(), Problem> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(u32::MAX));
    let mut next = || numbers.next().unwrap_or(u32::MAX);
    let (major, minor, patch) = (next(), next(), next());
    if (major, minor) == (VERSION.0, VERSION.1) && patch <= VERSION.2 {
        return Ok(());
    }
    Err(Problem::Version { major, minor, patch })
}

fn granted(interface: &str, plugin: &Plugin) -> Result<(), Problem> {
    let Grants { store, mail, process, .. } = &plugin.grants;
    match interface {
        interface if FREE.contains(&interface) => Ok(()),
        "store" if store.is_some() => Ok(()),
        "store" => Err(Problem::NotGranted("store", plugin.name.clone(), "STORE = \"folder\"")),
        "mail" if mail.is_some() => Ok(()),
        "mail" => Err(Problem::NotGranted("mail", plugin.name.clone(), "MAIL = []")),
        "process" if *process => Ok(()),
        "process" => Err(Problem::NotGranted("process", plugin.name.clone(), "PROCESS = true")),
        other => Err(Problem::NotOffered(format!("{PACKAGE}/{other}"))),
    }
}

/// The engine's words on a component that it cannot compile, as ours.
fn translate(words: &str) -> Problem {
    if words.contains("component model async feature") {
        return Problem::Async;
    }
    Problem::Invalid(words.lines().next().unwrap_or_default().to_owned())
}

/// The engine's words on an import that it cannot satisfy, as ours.
fn missing(error: wasmtime::Error) -> Problem {
    let words = format!("{error:#}");
    match words.split('`').nth(1) {
        Some(import) if import.starts_with("wasi:") && import.contains("@0.3") => Problem::Async,
        Some(import) => Problem::NotOffered(import.to_owned()),
        None => Problem::Invalid(words),
    }
}
