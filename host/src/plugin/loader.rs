//! From a component's bytes to an [`Action`]: one way for bundled and foreign
//! ones. What cannot run is refused here, at start, in words that tell its
//! author what to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::call::{Action, State};
use super::command::SandboxedCommand;
use super::setup::{Limits, Plugin, PluginSource, Setup};
use crate::action_name::ActionName;
use crate::capability::Facilities;
use crate::capability::offers::{interfaces, offers};
use crate::capability::process::{Command, Program, Runner, Sandbox};
use crate::component::cache::Cache;
use crate::component::engine::{check_machine, engine, start_clock};
use crate::component::outline::{self, Outline};
use crate::component::problem::{self, LoadError, Problem};
use crate::component::{self, compile, types};
use crate::contract::ActionFullPre;
use crate::digest;

/// Links interfaces of a component to something else than the host.
pub type StandIn<'a> =
    dyn Fn(&mut Linker<State>, &Component) -> wasmtime::Result<()> + Send + Sync + 'a;

/// Makes actions of components.
pub struct Loader {
    engine: Engine,
    linker: Linker<State>,
    cache: Cache,
    /// Where a sandboxed command finds its file.
    scratch: PathBuf,
}

impl Loader {
    /// A loader that keeps compiled code in `folder`, which others may share,
    /// and works in `scratch`, which is its own and emptied first.
    ///
    /// # Errors
    /// The folder cannot be made private or written; the engine does not run
    /// on this machine.
    pub fn new(folder: PathBuf, scratch: PathBuf) -> wasmtime::Result<Self> {
        let engine = engine()?;
        check_machine(&engine).map_err(wasmtime::Error::msg)?;
        start_clock(&engine)?;
        let cache = Cache::open(folder.clone())
            .map_err(|error| wasmtime::format_err!("{}: {error}", folder.display()))?;
        // Removed by the next start where a crash left it.
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        std::fs::create_dir(&scratch)?;
        Ok(Self { linker: linker(&engine)?, engine, cache, scratch })
    }

    /// Loads the actions of `setups`.
    ///
    /// # Errors
    /// The first component that cannot run.
    pub async fn actions(
        &self,
        setups: &BTreeMap<ActionName, Setup>,
        facilities: &Arc<Facilities>,
    ) -> Result<HashMap<ActionName, Arc<Action>>, LoadError> {
        self.actions_of(None, setups, facilities).await
    }

    /// Loads the actions of one `plugin`, or of all.
    ///
    /// # Errors
    /// The first component that cannot run.
    pub async fn actions_of(
        &self,
        plugin: Option<&str>,
        setups: &BTreeMap<ActionName, Setup>,
        facilities: &Arc<Facilities>,
    ) -> Result<HashMap<ActionName, Arc<Action>>, LoadError> {
        let mut components = HashMap::new();
        let mut actions = HashMap::new();
        for (name, setup) in setups {
            if plugin.is_some_and(|plugin| name.plugin != plugin) {
                continue;
            }
            let plugin = &setup.plugin;
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
            let action = self.action(name, component.clone(), setup, facilities).await?;
            actions.insert(name.clone(), Arc::new(action));
        }
        Ok(actions)
    }

    /// Loads the plugin of one action by itself, with its component. What
    /// `stand_in` links stands before the host's own; with it, nothing needs a
    /// grant.
    ///
    /// # Errors
    /// Why it cannot run.
    pub async fn single(
        &self,
        name: &ActionName,
        setup: &Setup,
        facilities: &Arc<Facilities>,
        stand_in: Option<&StandIn<'_>>,
    ) -> Result<(Action, Component), LoadError> {
        let plugin = &setup.plugin;
        let load = async {
            let (component, digest) = self.compiled_plugin(plugin, stand_in.is_none()).await?;
            let mut linker = self.linker.clone();
            if let Some(stand_in) = stand_in {
                linker.allow_shadowing(true);
                let linked = stand_in(&mut linker, &component);
                linked.map_err(|error| Problem::Invalid(format!("{error:#}")))?;
            }
            Ok((Linked { component: link(&linker, &component)?, digest }, component))
        };
        let (linked, component) =
            load.await.map_err(|problem| LoadError { plugin: plugin.name.clone(), problem })?;
        Ok((self.action(name, linked, setup, facilities).await?, component))
    }

    async fn action(
        &self,
        name: &ActionName,
        linked: Linked,
        setup: &Setup,
        facilities: &Arc<Facilities>,
    ) -> Result<Action, LoadError> {
        let limits = setup.plugin.limits;
        let command = match &setup.command {
            Some(command) => Some(Arc::new(
                self.runner(command, limits)
                    .await
                    .map_err(|problem| LoadError { plugin: format!("{name}, CMD"), problem })?,
            )),
            None => None,
        };
        Ok(Action {
            name: name.clone(),
            digest: linked.digest,
            is_bundled: matches!(setup.plugin.source, PluginSource::Bundled(_)),
            component: linked.component,
            settings: serde_json::Value::from(setup.settings.clone()).to_string().into(),
            grants: setup.grants.clone(),
            limits,
            facilities: facilities.clone(),
            command,
        })
    }

    /// What runs `command`: for a component, the sandbox with it.
    async fn runner(&self, command: &Command, limits: Limits) -> Result<Runner, Problem> {
        let sandbox: Option<Box<dyn Sandbox>> = match &command.program {
            Program::Native(_) => None,
            Program::Sandboxed(path) => {
                let (bytes, outline, found) = look_at(read_aside(path).await?.into()).await?;
                problem::check_kind(&outline)?;
                problem::check_memory(&outline, limits.memory)?;
                let component = self.compiled(&found, &bytes).await?;
                let limits = Limits { wall: command.timeout, ..limits };
                let scratch = self.scratch.clone();
                let command = SandboxedCommand::new(&self.engine, &component, limits, scratch);
                Some(Box::new(command.map_err(problem::missing)?))
            }
        };
        Ok(Runner { command: command.clone(), sandbox })
    }

    async fn component(&self, plugin: &Plugin) -> Result<Linked, Problem> {
        let (component, digest) = self.compiled_plugin(plugin, true).await?;
        Ok(Linked { component: link(&self.linker, &component)?, digest })
    }

    async fn compiled_plugin(
        &self,
        plugin: &Plugin,
        needs_grants: bool,
    ) -> Result<(Component, Arc<str>), Problem> {
        let (bytes, expected) = match &plugin.source {
            PluginSource::Bundled(bytes) => (Cow::Borrowed(*bytes), None),
            PluginSource::File { path, sha256 } => {
                (Cow::Owned(read_aside(path).await?), sha256.as_ref())
            }
        };
        let (bytes, outline, found) = look_at(bytes).await?;
        let offers = offers(&plugin.grants);
        problem::check(&outline, &offers)?;
        let (bytes, outline) = check_types(bytes, outline).await?;
        if let Some(expected) = expected
            && *expected != found
        {
            return Err(Problem::OtherBytes { found, expected: expected.clone() });
        }
        problem::check_memory(&outline, plugin.limits.memory)?;
        if needs_grants {
            let unpinned = matches!(plugin.source, PluginSource::File { sha256: None, .. });
            let unpinned = unpinned.then_some(found.as_str());
            problem::check_grants(&outline, &plugin.name, &offers, unpinned)?;
        }
        Ok((self.compiled(&found, &bytes).await?, found.into()))
    }

    async fn compiled(&self, sha256: &str, bytes: &[u8]) -> Result<Component, Problem> {
        let place = self.cache.place(&self.engine, sha256);
        match self.cached(&place).await? {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(why) => tracing::warn!("{}: {why}; compiling anew", place.display()),
        }
        let unwritable = |error: io::Error| {
            Problem::Invalid(format!("{} cannot be written: {error}", place.display()))
        };
        let (draft, file) = self.cache.draft().map_err(unwritable)?;
        if let Err(words) = compile::run(bytes, file).await {
            let _ = std::fs::remove_file(&draft);
            return Err(problem::translate(&words));
        }
        let (cache, kept) = (self.cache.clone(), place.clone());
        aside(move || cache.keep(&draft, &kept)).await?.map_err(unwritable)?;
        let failed = |why| Problem::Invalid(format!("its compiled form does not load: {why}"));
        let component = self.cached(&place).await?.map_err(failed)?;
        component.ok_or_else(|| failed("it is gone".to_owned()))
    }

    async fn cached(&self, place: &Path) -> Result<Result<Option<Component>, String>, Problem> {
        let (cache, engine, place) = (self.cache.clone(), self.engine.clone(), place.to_owned());
        aside(move || cache.load(&engine, &place)).await
    }
}

/// A component that is ready for calls.
#[derive(Clone)]
struct Linked {
    component: ActionFullPre<State>,
    digest: Arc<str>,
}

fn link(linker: &Linker<State>, component: &Component) -> Result<ActionFullPre<State>, Problem> {
    let pre = linker.instantiate_pre(component).map_err(problem::missing)?;
    ActionFullPre::new(pre).map_err(|error| Problem::Invalid(error.root_cause().to_string()))
}

async fn read_aside(path: &Path) -> Result<Vec<u8>, Problem> {
    let path = path.to_owned();
    aside(move || component::read(&path)).await?
}

/// A component with what is in it and its SHA-256.
async fn look_at(
    bytes: Cow<'static, [u8]>,
) -> Result<(Cow<'static, [u8]>, Outline, String), Problem> {
    aside(move || {
        let (outline, sha256) = (Outline::read(&bytes), digest::sha256(&bytes));
        (bytes, outline, sha256)
    })
    .await
}

/// Whether the component's functions are those of the contract.
async fn check_types(
    bytes: Cow<'static, [u8]>,
    outline: Outline,
) -> Result<(Cow<'static, [u8]>, Outline), Problem> {
    aside(move || {
        let types = outline::types(&bytes).map_err(|words| problem::translate(&words))?;
        types::check(&outline, &types)?;
        Ok((bytes, outline))
    })
    .await?
}

/// Does what computes or waits for the disk where it holds up nobody: a
/// component has up to 64 MiB.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::Invalid(error.to_string()))
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    for interface in interfaces() {
        (interface.link)(&mut linker)?;
    }
    Ok(linker)
}
