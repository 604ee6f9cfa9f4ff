//! `plugin try`: one upload through a component, as the server would do it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::Args;

use super::bench::{Bench, Run, config_of};
use super::case;
use super::fixture::{self, Scratch};
use crate::action_name::ActionName;
use crate::bundled::action_name;
use crate::component::read;
use crate::config::Config;
use crate::digest;
use crate::plugin::{Plugin, PluginSource};
use crate::trial::Outcome;
use crate::trial::folded::Folded;
use crate::trial::trace::{HostCall, Usage};

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
    section(&mut text, "calls", &run.seen.calls, |HostCall { call, answer }| {
        // The guest's lines stand below.
        (!call.starts_with("log.")).then(|| match answer {
            Some(answer) if answer.is_empty() => call.clone(),
            Some(answer) => format!("{call} -> {answer}"),
            None => format!("{call} did not return"),
        })
    });
    section(&mut text, "log", &run.seen.lines, |line| Some(line.clone()));
    section(&mut text, "warnings", &run.seen.warnings, |line| Some(line.clone()));
    text.trim_end().to_owned()
}

fn section<T: PartialEq>(
    text: &mut String,
    name: &str,
    things: &Folded<T>,
    show: impl Fn(&T) -> Option<String>,
) {
    let shown = things.iter().filter_map(|(thing, times)| match (show(thing)?, times) {
        (line, 1) => Some(line),
        (line, _) => Some(format!("{line} ({times} times)")),
    });
    let left_out = match things.left_out() {
        0 => None,
        more => Some(format!("... and {more} more")),
    };
    for (index, line) in shown.chain(left_out).enumerate() {
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
