//! `plugin try`: one upload through a component, as the server would do it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::Args;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::case;
use super::fixture::{self, Scratch};
use crate::action_name::ActionName;
use crate::bundled::action_name;
use crate::capability::Facilities;
use crate::capability::http::exchange::{Exchange, Notes, Wire};
use crate::config::Config;
use crate::digest;
use crate::plugin::script::Script;
use crate::plugin::witness::{Testimony, Usage, Witness};
use crate::plugin::{Loader, Outcome, Plugin, PluginSource, Setup, read};
use crate::upload::Delivery;

#[derive(Args)]
pub(in crate::cli) struct Try {
    /// The component's file
    file: PathBuf,
    /// Files of an upload and, if wanted, upload.toml about it
    #[arg(long, value_name = "FOLDER")]
    upload: PathBuf,
    /// Grant, as in ALLOW: STORE=prints; may be repeated
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "config")]
    allow: Vec<String>,
    /// Settings of the action, a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "config")]
    settings: Option<String>,
    /// Take grants, limits and settings from here; effects are then real
    #[arg(long, value_name = "FILE", requires = "action")]
    config: Option<PathBuf>,
    /// Action of --config: name or name.instance
    #[arg(long, value_name = "NAME[.INSTANCE]", requires = "config")]
    action: Option<String>,
    /// Run again whenever the component's bytes change
    #[arg(long, conflicts_with = "record")]
    watch: bool,
    /// Write what happened as a test case
    #[arg(long, value_name = "CASE.toml")]
    record: Option<PathBuf>,
}

/// What a run needs, made once for all runs.
pub(super) struct Bench {
    witness: Witness,
    runtime: tokio::runtime::Runtime,
}

/// What a run brought.
pub(super) struct Run {
    pub(super) check: Outcome,
    /// None if `check` was not good.
    pub(super) deliver: Option<Outcome>,
    pub(super) seen: Testimony,
    /// Requests that were really made.
    pub(super) exchanges: Vec<Exchange>,
}

impl Try {
    /// Runs and reports. The answer tells whether the upload was delivered.
    pub(super) fn run(&self, print: &dyn Fn(&str)) -> anyhow::Result<bool> {
        let bench = Bench::new()?;
        if !self.watch {
            return self.once(&bench, print);
        }
        let mut last = String::new();
        loop {
            // Before it is read: what changes during the run is not missed.
            let before = stamp(&self.file);
            let bytes = read(&self.file)?;
            let now = digest::sha256(&bytes);
            if now != last {
                print(&format!("--- {} sha256 {now}", self.file.display()));
                if let Err(error) = self.once(&bench, print) {
                    print(&format!("{error:#}"));
                }
                last = now;
            }
            wait_for_change(&self.file, before);
        }
    }

    fn once(&self, bench: &Bench, print: &dyn Fn(&str)) -> anyhow::Result<bool> {
        let scratch = Scratch::new()?;
        let (config, name) = self.config(&scratch.0)?;
        let delivery = fixture::delivery(&self.upload, &name, None, &scratch.0)?;
        let run = bench.run(&config, &name, &delivery, None)?.0;
        print(&report(&run));
        if let Some(path) = &self.record {
            let settings =
                config.actions.get(&name).map(|setup| setup.settings.clone()).unwrap_or_default();
            case::record(path, &self.upload, &name, settings, &run)?;
            print(&format!("recorded in {}", path.display()));
        }
        Ok(matches!(run.deliver, Some(Outcome::Good(_))))
    }

    fn config(&self, scratch: &Path) -> anyhow::Result<(Config, ActionName)> {
        if let (Some(path), Some(action)) = (&self.config, &self.action) {
            let mut config = Config::load(path)?;
            let name = action_name(action);
            if !config.plugins.contains_key(&name.plugin) {
                bail!("{action} is no action of {}", path.display());
            }
            let Some(setup) = config.actions.get_mut(&name) else {
                bail!(
                    "{action} has no settings, since nothing maps to it; add to [ACTIONS] of {}: \
                     \"{action}@example.org\" = \"{action}\"",
                    path.display()
                );
            };
            let source = PluginSource::File { path: self.file.clone(), sha256: None };
            setup.plugin = Arc::new(Plugin { source, ..Plugin::clone(&setup.plugin) });
            return Ok((config, name));
        }
        let settings = match &self.settings {
            Some(json) => serde_json::from_str(json)
                .with_context(|| format!("--settings {json} is no JSON object"))?,
            None => serde_json::Map::new(),
        };
        config_of(&self.file, &self.allow, settings, scratch)
    }
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
    let allow: Vec<String> = allow.iter().map(|grant| toml_value(grant)).collect();
    // The very parser of the server, so that a grant means the same here.
    let text = format!(
        "[PLUGINS.trial]\nCOMPONENT = {:?}\nSHA256 = \"{sha256}\"\nALLOW = {{ {} }}\n",
        file.display().to_string(),
        allow.join(", ")
    );
    let mut config = Config::parse(&scratch.join("config.toml"), &text)
        .map_err(|error| anyhow::anyhow!("--allow: {error}"))?;
    std::fs::create_dir_all(config.upload_folder.join(crate::capability::store::GROWING))?;
    let name = ActionName::parse("trial");
    let plugin = config.plugins.get(&name.plugin).context("it was just written")?.clone();
    config.actions.insert(name.clone(), Setup { settings, ..Setup::of(plugin) });
    Ok((config, name))
}

/// `STORE=prints` as `STORE = "prints"`; a value that is TOML already stays.
fn toml_value(grant: &str) -> String {
    let Some((key, value)) = grant.split_once('=') else { return grant.to_owned() };
    let (key, value) = (key.trim(), value.trim());
    match toml::from_str::<toml::Table>(&format!("{key} = {value}")) {
        Ok(_) => format!("{key} = {value}"),
        Err(_) => format!("{key} = {value:?}"),
    }
}

impl Bench {
    pub(super) fn new() -> anyhow::Result<Self> {
        let witness = Witness::default();
        tracing_subscriber::registry().with(witness.clone()).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { witness, runtime })
    }

    /// Runs `delivery`; `same` compares two answers of a function in WAVE.
    pub(super) fn run(
        &self,
        config: &Config,
        name: &ActionName,
        delivery: &Arc<Delivery>,
        script: Option<&Arc<Script>>,
    ) -> anyhow::Result<(Run, crate::plugin::Trial)> {
        let scratch = Scratch::new()?;
        let loader = Loader::new(compiled()?, scratch.0.join("commands"))
            .map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let secret = config.secret.clone().unwrap_or_else(|| "try".to_owned());
        let notes = Arc::new(Notes::default());
        let wire = match script {
            Some(script) => Wire::Scripted(script.http.clone()),
            None => Wire::Noted(notes.clone()),
        };
        let facilities = Arc::new(Facilities {
            wire,
            ..Facilities::new(&config.upload_folder, config.mail.clone(), secret)?
        });
        let setup = config.actions.get(name).context("the action is set up")?;
        self.runtime.block_on(async {
            let trial = loader.trial(name, setup, &facilities, script).await?;
            self.witness.take();
            let draft = Delivery { attempt: 0, ..Delivery::clone(delivery) };
            let check = trial.check(&Arc::new(draft)).await;
            let deliver = match check {
                Outcome::Good(_) => Some(trial.deliver(delivery).await),
                _ => None,
            };
            let (seen, exchanges) = (self.witness.take(), notes.take());
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

fn report(run: &Run) -> String {
    let mut text = String::new();
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Good(answer) | Outcome::Refused(answer) => answer.clone(),
        Outcome::Failed(report) => format!("FAILED: {report}"),
    };
    let _ = writeln!(text, "check    {}", outcome(&run.check));
    match &run.deliver {
        Some(deliver) => drop(writeln!(text, "deliver  {}", outcome(deliver))),
        None => text.push_str("deliver  not called: the camera hears no\n"),
    }
    for (index, (name, Usage { cpu, wall, memory })) in
        ["check", "deliver"].iter().zip(&run.seen.usage).enumerate()
    {
        let _ = writeln!(
            text,
            "{}{name}: CPU {:.1} ms, time {:.1} ms, memory {memory} KiB",
            if index == 0 { "used     " } else { "         " },
            cpu.as_secs_f64() * 1e3,
            wall.as_secs_f64() * 1e3,
        );
    }
    let calls: Vec<String> = (run.seen.calls.iter())
        // The guest's lines stand below.
        .filter(|call| !call.call.starts_with("log."))
        .map(|call| match &call.answer {
            Some(answer) if answer.is_empty() => call.call.clone(),
            Some(answer) => format!("{} -> {answer}", call.call),
            None => format!("{} did not return", call.call),
        })
        .collect();
    section(&mut text, "calls", &calls);
    section(&mut text, "log", &run.seen.lines);
    section(&mut text, "warnings", &run.seen.warnings);
    text.trim_end().to_owned()
}

fn section(text: &mut String, name: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        let _ = writeln!(text, "{name:<8} {line}");
    }
}

/// When a file was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Returns when the file is another one than `before`. Digests are compared
/// afterwards: a build tool may write the same bytes again, or none yet.
fn wait_for_change(file: &Path, before: Stamp) {
    loop {
        std::thread::sleep(Duration::from_millis(250));
        let now = stamp(file);
        if now != before && now.is_some() {
            // Whoever writes it may not be done.
            std::thread::sleep(Duration::from_millis(100));
            if stamp(file) == now {
                return;
            }
        }
    }
}
