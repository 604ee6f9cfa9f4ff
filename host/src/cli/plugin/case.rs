//! `plugin test`: uploads with the calls and the outcome they must bring.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::bench::{Bench, Run, config_of};
use super::fixture::{self, Scratch};
use super::request::{self, Request};
use crate::action_name::ActionName;
use crate::capability::Grants;
use crate::capability::offers::offers;
use crate::component::interfaces::Offer;
use crate::trial::exchange::Exchange;
use crate::trial::script::Script;
use crate::trial::trace::HostCall;
use crate::trial::{Outcome, Trial};

#[derive(Args)]
pub(in crate::cli) struct Test {
    /// The component's file
    file: PathBuf,
    /// Test cases, or folders of them
    #[arg(required = true, value_name = "CASE.toml|FOLDER")]
    cases: Vec<PathBuf>,
}

/// One case as written. Values of the contract are in WAVE, the component
/// model's notation; `plugin try --record` writes them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
struct Case {
    /// Folder of the upload, beside the case.
    upload: PathBuf,
    /// Instance of the action.
    instance: Option<String>,
    /// Settings of the action.
    #[serde(default)]
    settings: serde_json::Map<String, serde_json::Value>,
    /// What `progress.load` finds.
    notes: Option<String>,
    /// What `check` answers.
    check: Option<String>,
    /// What `deliver` answers.
    deliver: Option<String>,
    /// Part of the report of a call that does not answer.
    fails: Option<String>,
    /// Calls of capabilities that need a grant, in order.
    #[serde(default)]
    calls: Vec<Call>,
    /// Requests over HTTP, in order.
    #[serde(default)]
    http: Vec<Request>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
struct Call {
    /// `store.put(0, "SAM_0042.JPG")`
    call: String,
    /// `ok("prints/SAM_0042.JPG")`
    answer: Option<String>,
}

impl Test {
    /// Runs all cases; the answer tells whether all passed.
    pub(super) fn run(&self, print: &dyn Fn(&str)) -> anyhow::Result<bool> {
        let mut files = Vec::new();
        for path in &self.cases {
            if path.is_dir() {
                for entry in std::fs::read_dir(path)? {
                    let path = entry?.path();
                    if path.extension().is_some_and(|ending| ending == "toml") {
                        files.push(path);
                    }
                }
            } else {
                files.push(path.clone());
            }
        }
        files.sort();
        if files.is_empty() {
            bail!("no case: a case is a .toml file; `plugin try --record` writes one");
        }
        let bench = Bench::new()?;
        let mut failed = 0;
        for file in &files {
            let deviations = self.case(file, &bench)?;
            if deviations.is_empty() {
                print(&format!("ok      {}", file.display()));
                continue;
            }
            failed += 1;
            print(&format!("FAILED  {}", file.display()));
            for deviation in deviations {
                print(&format!("  {}", deviation.replace('\n', "\n  ")));
            }
        }
        print(&format!("{} passed, {failed} failed", files.len() - failed));
        Ok(failed == 0)
    }

    /// Where the component does otherwise than the case says.
    fn case(&self, file: &Path, bench: &Bench) -> anyhow::Result<Vec<String>> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let case: Case = toml::from_str(&text).with_context(|| file.display().to_string())?;
        if case.check.is_none() && case.deliver.is_none() && case.fails.is_none() {
            bail!("{}: expects nothing; add CHECK, DELIVER or FAILS", file.display());
        }
        let upload = file.parent().unwrap_or(Path::new("")).join(&case.upload);
        let scratch = Scratch::new()?;
        let (mut config, mut name) = config_of(&self.file, &[], case.settings.clone(), &scratch.0)?;
        if case.instance.is_some() {
            let setup = config.actions.remove(&name).context("it was just made")?;
            name.instance = case.instance.clone();
            config.actions.insert(name.clone(), setup);
        }
        let delivery = fixture::delivery(&upload, &name, case.notes.as_deref(), &scratch.0)
            .with_context(|| file.display().to_string())?;
        let calls = case
            .calls
            .iter()
            .map(|call| HostCall { call: call.call.clone(), answer: call.answer.clone() });
        let exchanges: anyhow::Result<Vec<Exchange>> =
            case.http.iter().map(Request::exchange).collect();
        let exchanges = exchanges.with_context(|| file.display().to_string())?;
        let script = Script::new(calls.collect(), exchanges);
        let (run, trial) = bench.run(&config, &name, &delivery, Some(&script))?;
        let mut deviations = script.deviations();
        case.compare(&run, &trial, &mut deviations);
        Ok(deviations)
    }
}

impl Case {
    fn compare(&self, run: &Run, trial: &Trial, deviations: &mut Vec<String>) {
        let functions = [
            ("check", &self.check, Some(&run.check)),
            ("deliver", &self.deliver, run.deliver.as_ref()),
        ];
        let mut failure = None;
        for (function, expected, outcome) in functions {
            let answer = match outcome {
                Some(Outcome::Good(answer) | Outcome::Refused(answer)) => answer.as_str(),
                Some(Outcome::Failed(report)) => {
                    failure = Some(report);
                    if self.fails.is_none() {
                        deviations.push(format!("{function} failed: {report}"));
                    }
                    continue;
                }
                None => "not called",
            };
            let Some(expected) = expected else { continue };
            if !trial.same_answer(function, expected, answer) {
                deviations.push(format!(
                    "{function}: expected {expected}\n{function}: answered {answer}"
                ));
            }
        }
        match (&self.fails, failure) {
            (Some(words), Some(report)) if report.contains(words.as_str()) => {}
            (Some(words), Some(report)) => {
                deviations.push(format!("expected a failure with {words:?}\nfailed with {report}"));
            }
            (Some(words), None) => deviations.push(format!("did not fail with {words:?}")),
            (None, _) => {}
        }
    }
}

/// Calls of a case.
const MOST_CALLS: usize = 1_000;

/// Writes `run` as a case to `path`.
pub(super) fn record(
    path: &Path,
    upload: &Path,
    name: &ActionName,
    settings: serde_json::Map<String, serde_json::Value>,
    run: &Run,
) -> anyhow::Result<()> {
    let mut document = DocumentMut::new();
    let file = std::path::absolute(path)?;
    let folder = file.parent().context("a case is a file in a folder")?;
    document["UPLOAD"] = value(relative(&std::path::absolute(upload)?, folder));
    if let Some(instance) = &name.instance {
        document["INSTANCE"] = value(instance.as_str());
    }
    for (key, outcome) in [("CHECK", Some(&run.check)), ("DELIVER", run.deliver.as_ref())] {
        match outcome {
            Some(Outcome::Good(answer) | Outcome::Refused(answer)) => {
                document[key] = value(answer.as_str());
            }
            Some(Outcome::Failed(report)) => document["FAILS"] = value(report.as_str()),
            None => {}
        }
    }
    if !settings.is_empty() {
        let text = toml::to_string(&settings).context("settings")?;
        document["SETTINGS"] = Item::Table(text.parse::<DocumentMut>()?.as_table().clone());
    }
    let calls = run.seen.calls.iter().map(|(_, times)| times).sum::<usize>();
    if calls + run.seen.calls.left_out() > MOST_CALLS {
        bail!("it makes more than {MOST_CALLS} calls of the host, too many for a test case");
    }
    let offers = offers(&Grants::default());
    let mut calls = ArrayOfTables::new();
    let each = run.seen.calls.iter().flat_map(|(call, times)| std::iter::repeat_n(call, *times));
    for HostCall { call, answer } in each {
        let interface = call.split('.').next().and_then(|name| Offer::find(&offers, name));
        if !interface.is_some_and(Offer::needs_grant) {
            continue;
        }
        let mut table = Table::new();
        table["CALL"] = value(call.as_str());
        if let Some(answer) = answer.as_ref().filter(|answer| !answer.is_empty()) {
            table["ANSWER"] = value(answer.as_str());
        }
        calls.push(table);
    }
    if !calls.is_empty() {
        document["CALLS"] = Item::ArrayOfTables(calls);
    }
    let exchanges: ArrayOfTables =
        run.exchanges.iter().map(request::written).collect::<anyhow::Result<_>>()?;
    if !exchanges.is_empty() {
        document["HTTP"] = Item::ArrayOfTables(exchanges);
    }
    std::fs::write(path, document.to_string()).with_context(|| path.display().to_string())
}

/// `path` as seen from `folder`; both absolute.
fn relative(path: &Path, folder: &Path) -> String {
    let mut ups = PathBuf::new();
    for ancestor in folder.ancestors() {
        if let Ok(rest) = path.strip_prefix(ancestor) {
            return ups.join(rest).display().to_string();
        }
        ups.push("..");
    }
    path.display().to_string()
}
