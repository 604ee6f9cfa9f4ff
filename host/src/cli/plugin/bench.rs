//! What `plugin try` and `plugin test` run components on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use toml_edit::{Array, InlineTable, Value};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::fixture::Scratch;
use crate::action_name::ActionName;
use crate::capability::Facilities;
use crate::capability::http::Wiretap;
use crate::component::read;
use crate::config::Config;
use crate::digest;
use crate::plugin::{Loader, Setup};
use crate::trial::exchange::{Exchange, Notes};
use crate::trial::script::Script;
use crate::trial::trace::{Seen, Trace};
use crate::trial::{Outcome, Trial};
use crate::upload::Delivery;

/// What a run needs, made once for all runs.
pub(super) struct Bench {
    trace: Trace,
    runtime: tokio::runtime::Runtime,
}

/// What a run brought.
pub(super) struct Run {
    pub(super) check: Outcome,
    /// None if `check` was not good.
    pub(super) deliver: Option<Outcome>,
    pub(super) seen: Seen,
    /// Requests that were really made.
    pub(super) exchanges: Vec<Exchange>,
}

/// A configuration with one plugin, `trial`, made of the component in `file`.
pub(super) fn config_of(
    file: &Path,
    allow: &[String],
    settings: serde_json::Map<String, serde_json::Value>,
    scratch: &Path,
) -> anyhow::Result<(Config, ActionName)> {
    let file = std::path::absolute(file)?;
    let sha256 = digest::sha256(&read(&file)?);
    // The very parser of the server, so that a grant means the same here.
    let mut plugin = InlineTable::new();
    plugin.insert("COMPONENT", file.display().to_string().into());
    plugin.insert("SHA256", sha256.into());
    plugin.insert("ALLOW", grants(allow)?.into());
    let path = scratch.join("config.toml");
    let mut config =
        Config::parse(&path, &format!("PLUGINS.trial = {plugin}\n")).map_err(|error| {
            anyhow::anyhow!("--allow: {}", without_place(&error.to_string(), &path))
        })?;
    std::fs::create_dir_all(config.upload_folder.join(crate::capability::store::GROWING))?;
    let name = ActionName::parse("trial");
    let plugin = config.plugins.get(&name.plugin).context("it was just written")?.clone();
    config.actions.insert(name.clone(), Setup { settings, ..Setup::of(plugin) });
    Ok((config, name))
}

/// Keys of `ALLOW` that hold lists; one value stands for a list of one.
const LISTS: [&str; 2] = ["HTTP", "MAIL"];

/// What `--allow` says, as `ALLOW` would: `STORE=prints` as `STORE = "prints"`,
/// while a value that is TOML already stays.
fn grants(written: &[String]) -> anyhow::Result<InlineTable> {
    let mut grants = InlineTable::new();
    for grant in written {
        let Some((key, value)) = grant.split_once('=') else {
            bail!("--allow {grant}: write KEY=VALUE, like STORE=prints");
        };
        let (key, value) = (key.trim(), value.trim());
        let value = value.parse().unwrap_or_else(|_| Value::from(value));
        if !LISTS.contains(&key) {
            grants.insert(key, value);
            continue;
        }
        let Value::Array(list) = grants.entry(key).or_insert(Value::Array(Array::new())) else {
            continue;
        };
        match value {
            Value::Array(values) => list.extend(values),
            value => list.push(value),
        }
    }
    Ok(grants)
}

/// `error` without the file and line of a configuration that nobody wrote.
fn without_place(error: &str, path: &Path) -> String {
    let place = path.display().to_string();
    let rest = error.strip_prefix(&place).unwrap_or(error);
    rest.trim_start_matches(|c: char| c == ':' || c == ' ' || c.is_ascii_digit()).to_owned()
}

impl Bench {
    pub(super) fn new() -> anyhow::Result<Self> {
        let trace = Trace::default();
        tracing_subscriber::registry().with(trace.clone()).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { trace, runtime })
    }

    /// Runs `delivery`; `same` compares two answers of a function in WAVE.
    pub(super) fn run(
        &self,
        config: &Config,
        name: &ActionName,
        delivery: &Arc<Delivery>,
        script: Option<&Arc<Script>>,
    ) -> anyhow::Result<(Run, Trial)> {
        let scratch = Scratch::new()?;
        let loader = Loader::new(compiled()?, scratch.0.join("commands"))
            .map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let secret = config.secret.clone().unwrap_or_else(|| "try".to_owned());
        let notes = Arc::new(Notes::default());
        let wiretap: Arc<dyn Wiretap> = match script {
            Some(script) => Arc::new(script.http.clone()),
            None => Arc::new(notes.clone()),
        };
        let facilities = Facilities::new(&config.upload_folder, config.mail.clone(), secret)?;
        let facilities = Arc::new(Facilities { wiretap: Some(wiretap), ..facilities });
        let setup = config.actions.get(name).context("the action is set up")?;
        self.runtime.block_on(async {
            let trial = Trial::load(&loader, name, setup, &facilities, script).await?;
            self.trace.take();
            let draft = Delivery { attempt: 0, ..Delivery::clone(delivery) };
            let check = trial.check(&Arc::new(draft)).await;
            let deliver = match check {
                Outcome::Good(_) => Some(trial.deliver(delivery).await),
                _ => None,
            };
            let (seen, exchanges) = (self.trace.take(), notes.take());
            Ok((Run { check, deliver, seen, exchanges }, trial))
        })
    }
}

/// Where compiled components are kept from one run to the next.
fn compiled() -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let cache = cache.context("neither HOME nor XDG_CACHE_HOME is set; set one")?;
    let folder = cache.join("afterimage");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder.join("compiled"))
}
