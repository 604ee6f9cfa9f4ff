//! `process`: the command that the operator wrote for this action.
//!
//! Threat: a camera whose subject is `--exec` or `$(reboot)`, and a guest that
//! would run something else. So the command is parsed once from the
//! configuration and never seen by a guest, no shell runs, a value stays
//! within its own argument and may not begin it with `-` unless the operator
//! says so, and who the upload is for and from is not the guest's to say.

mod command;
pub mod keeper;
mod native;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};

pub use command::{Command, Piece, Program, Template};
use keeper::Keeper;

use wasmtime::component::HasSelf;

use super::call::{Call, Grant, Guest, Interface};
use super::store::Kept;
use crate::contract::{self, process::*};

/// Bytes kept of each output of a command.
pub const TAIL: usize = 16 << 10;
/// Longest argument, in bytes. Linux takes 128 KiB.
const LONGEST: usize = 100 << 10;
/// Commands of one call: 100 files for 20 recipients.
const RUNS: usize = 2_000;

/// `process` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "process",
        link: |linker| {
            contract::process::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().process
            })
        },
        grant: Some(Grant {
            example: "PROCESS = true",
            shown: |grants| grants.process.then(|| "PROCESS = true".to_owned()),
        }),
    }
}

/// The command that one call may run.
pub struct Process {
    call: Call,
    runner: Option<Arc<Runner>>,
    kept: Kept,
    keeper: Keeper,
    runs: usize,
}

/// A command, and the sandbox that it runs in if it is a component.
pub struct Runner {
    /// What the operator wrote.
    pub command: Command,
    /// None for a program of the system.
    pub sandbox: Option<Box<dyn Sandbox>>,
}

/// What runs a component as a command.
pub trait Sandbox: Send + Sync {
    /// Runs it to its end or its deadline.
    fn run(&self, run: Run) -> Pin<Box<dyn Future<Output = Result<Exit, ProcessError>> + Send>>;
}

/// One run of a command, with everything filled in.
pub struct Run {
    /// Arguments, without the program.
    pub arguments: Vec<String>,
    /// Standard input.
    pub stdin: String,
    /// The file that it is about: where its bytes are, and the path under
    /// which the arguments name it.
    pub file: Option<(PathBuf, PathBuf)>,
}

impl Process {
    pub(super) fn new(call: Call, runner: Option<Arc<Runner>>, kept: Kept, keeper: Keeper) -> Self {
        Self { call, runner, kept, keeper, runs: 0 }
    }

    /// The path that `{filename}` stands for: where this call has kept the
    /// file, else where it lies until the delivery ends.
    fn place(&self, index: u32) -> Option<(PathBuf, PathBuf)> {
        let file = self.call.delivery.upload.files.get(index as usize)?;
        let source = self.call.delivery.copy.path(file);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned();
        let named = kept.unwrap_or_else(|| source.clone());
        Some((std::path::absolute(&source).unwrap_or(source), named))
    }

    fn values(
        &self,
        file: Option<&PathBuf>,
        given: Vec<(String, String)>,
    ) -> Result<BTreeMap<String, String>, ProcessError> {
        let upload = &self.call.delivery.upload;
        let mut values = BTreeMap::from([
            ("sender".to_owned(), upload.sender.clone()),
            ("subject".to_owned(), upload.subject.clone()),
            ("body".to_owned(), upload.body.clone()),
            ("recipient".to_owned(), String::new()),
        ]);
        if let Some(path) = file {
            let path = path
                .to_str()
                .ok_or_else(|| ProcessError::Invalid("the file's path is not UTF-8".to_owned()))?;
            values.insert("filename".to_owned(), path.to_owned());
        }
        for (name, value) in given {
            let mut recipients = self.call.delivery.recipients.iter();
            if name == "recipient" && !recipients.any(|known| *known == value) {
                let text = format!("{value:?} is no recipient of this delivery");
                return Err(ProcessError::Invalid(text));
            }
            if name != "recipient" && values.contains_key(&name) {
                let text = format!("{{{name}}} is the host's to fill");
                return Err(ProcessError::Invalid(text));
            }
            values.insert(name, value);
        }
        match values.iter().find(|(_, value)| value.contains('\0')) {
            Some((name, _)) => Err(ProcessError::Invalid(format!("{name} has a NUL"))),
            None => Ok(values),
        }
    }
}

impl contract::process::Host for Process {
    async fn run(
        &mut self,
        file: Option<u32>,
        values: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<Exit, ProcessError>> {
        if let Err(text) = self.call.allows("run") {
            return Ok(Err(ProcessError::Denied(text)));
        }
        let Some(runner) = &self.runner else {
            let text = self.call.refuse("process", "ALLOW = { PROCESS = true }");
            return Ok(Err(ProcessError::Denied(text)));
        };
        self.runs += 1;
        if self.runs > RUNS {
            let text = format!("more than {RUNS} commands in one delivery");
            return Ok(Err(ProcessError::Denied(text)));
        }
        let place = match file {
            Some(index) => match self.place(index) {
                Some(place) => Some(place),
                None => return Ok(Err(ProcessError::NoSuchFile)),
            },
            None => None,
        };
        let values = match self.values(place.as_ref().map(|(_, named)| named), values) {
            Ok(values) => values,
            Err(error) => return Ok(Err(error)),
        };
        let run = match fill(&runner.command, &values, place) {
            Ok(run) => run,
            Err(text) => return Ok(Err(ProcessError::Invalid(text))),
        };
        Ok(match &runner.sandbox {
            Some(sandbox) => sandbox.run(run).await,
            None => native::run(&runner.command, run, &self.keeper).await,
        })
    }
}

fn fill(
    command: &Command,
    values: &BTreeMap<String, String>,
    file: Option<(PathBuf, PathBuf)>,
) -> Result<Run, String> {
    let mut arguments = Vec::with_capacity(command.arguments.len());
    for template in &command.arguments {
        let argument = text(template, values)?;
        if argument.len() > LONGEST {
            return Err(format!("an argument of {} bytes; put it into STDIN", argument.len()));
        }
        let is_value = matches!(template.0.first(), Some(Piece::Placeholder(_)));
        if is_value && argument.starts_with('-') && !command.leading_dash {
            return Err(format!(
                "{:?} would be taken for an option; LEADING_DASH = true lets it pass",
                &argument[..argument.floor_char_boundary(40)]
            ));
        }
        arguments.push(argument);
    }
    Ok(Run { arguments, stdin: text(&command.stdin, values)?, file })
}

fn text(template: &Template, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut text = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Placeholder(name) => {
                let value = values.get(name);
                text.push_str(value.ok_or_else(|| format!("nothing to fill {{{name}}} with"))?);
            }
        }
    }
    Ok(text)
}
