//! `shell`: keeps every file, then runs the operator's command for each file
//! and recipient, one after the other.

use std::collections::BTreeMap;

use afterimage_sdk::process::{self, Exit, ProcessError};
use afterimage_sdk::{
    Action, Failure, Receipt, Rejection, RejectionReason, Upload, export, progress, receipt,
    reject, rejection, retry, settings, store, warn,
};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The action.
pub struct Shell;

export!(Shell);

/// `[SHELL]`, as far as it is not the host's affair.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct Settings {
    /// Exit codes that mean done.
    exit_delivered: Vec<i32>,
    /// Exit codes that mean again, later.
    exit_retry: Vec<i32>,
    /// The rest, which the host has read: `CMD`, `STDIN`, ...
    #[serde(flatten)]
    _host: BTreeMap<String, IgnoredAny>,
}

impl Default for Settings {
    fn default() -> Self {
        // 75 is EX_TEMPFAIL of sysexits.h.
        Self { exit_delivered: vec![0], exit_retry: vec![75], _host: BTreeMap::new() }
    }
}

impl Action for Shell {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        if draft.files.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "no file to work on"));
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let settings: Settings = settings()?;
        // Kept at every attempt: that is how the host knows {filename}. The
        // same bytes are the same file, so this repeats nothing.
        let places: Vec<String> = upload
            .files
            .iter()
            .map(|file| store::put(file.index, &file.name))
            .collect::<Result<_, _>>()?;

        let recipients: Vec<Option<&String>> = match upload.recipients.is_empty() {
            true => vec![None],
            false => upload.recipients.iter().map(Some).collect(),
        };
        let runs = upload.files.iter().flat_map(|f| recipients.iter().map(move |r| (f.index, *r)));
        let mut done = done_before();
        let mut said = None;
        for (number, (file, recipient)) in (0_u32..).zip(runs).skip(done as usize) {
            let values: Vec<(String, String)> =
                recipient.map(|to| ("recipient".to_owned(), to.clone())).into_iter().collect();
            let exit = process::run(Some(file), &values).map_err(not_run)?;
            judge(&settings, &exit)?;
            said = last_line(&exit.stdout_tail).or(said);
            done = number + 1;
            // A repeat goes on behind what is done.
            progress::save(&done.to_be_bytes()).map_err(retry)?;
        }
        let commands = if done == 1 { "command" } else { "commands" };
        let mut summary = format!("stored {}, {done} {commands} run", places.join(", "));
        if let Some(said) = said {
            summary = format!("{summary}: {said}");
        }
        Ok(receipt(summary))
    }
}

/// Commands that earlier attempts brought to their end.
fn done_before() -> u32 {
    let notes = progress::load().and_then(|notes| notes.try_into().ok());
    notes.map_or(0, u32::from_be_bytes)
}

/// From how a command ended to how the delivery goes on.
fn judge(settings: &Settings, exit: &Exit) -> Result<(), Failure> {
    let stderr = String::from_utf8_lossy(&exit.stderr_tail);
    let end = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    };
    if exit.code.is_some_and(|code| settings.exit_delivered.contains(&code)) {
        return Ok(());
    }
    if !stderr.trim().is_empty() {
        warn!("{end}; the command said: {}", stderr.trim());
    }
    let reason = match last_line(&exit.stderr_tail) {
        Some(line) => format!("{end}: {line}"),
        None => end,
    };
    match exit.code.is_some_and(|code| settings.exit_retry.contains(&code)) {
        true => Err(retry(reason)),
        false => Err(reject(RejectionReason::Other, reason)),
    }
}

fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn not_run(error: ProcessError) -> Failure {
    match error {
        ProcessError::Timeout => retry("the command took longer than TIMEOUT"),
        ProcessError::Io(error) => retry(error),
        ProcessError::Invalid(text) => reject(RejectionReason::Invalid, text),
        ProcessError::Denied(text) => reject(RejectionReason::Unauthorized, text),
        ProcessError::NoSuchFile => reject(RejectionReason::Other, "a file is missing"),
    }
}
