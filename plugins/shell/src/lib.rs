//! `shell`: keeps every file, then runs the operator's command for each file
//! and recipient, one after the other.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package afterimage:plugins;
            world shell {
                include afterimage:action/action@0.1.0;
                import afterimage:action/store@0.1.0;
                import afterimage:action/process@0.1.0;
            }
        ",
        world: "afterimage:plugins/shell",
        generate_all,
    });
}

use bindings::afterimage::action::log::{self, Level};
use bindings::afterimage::action::process::{self, Exit, ProcessError};
use bindings::afterimage::action::store::{self, StoreError};
use bindings::afterimage::action::uploads::{RejectionReason, RetryAdvice};
use bindings::afterimage::action::{progress, settings};
use bindings::exports::afterimage::action::handler::{Failure, Guest, Receipt, Rejection, Upload};

/// The action.
pub struct Shell;

// Native linkers do not take the `:` and `@` in the names of the exports.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Shell, bindings};

    bindings::export!(Shell with_types_in bindings);
}

/// `[SHELL]`, as far as it is not the host's affair.
#[derive(serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct Settings {
    /// Exit codes that mean done.
    exit_delivered: Vec<i32>,
    /// Exit codes that mean again, later.
    exit_retry: Vec<i32>,
}

impl Default for Settings {
    fn default() -> Self {
        // 75 is EX_TEMPFAIL of sysexits.h.
        Self { exit_delivered: vec![0], exit_retry: vec![75] }
    }
}

impl Guest for Shell {
    fn check(draft: Upload) -> Result<u32, Rejection> {
        if draft.files.is_empty() {
            return Err(rejection(RejectionReason::Invalid, "no file to work on"));
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let settings: Settings = serde_json::from_str(&settings::json()).map_err(|error| {
            Failure::Reject(rejection(RejectionReason::Other, &error.to_string()))
        })?;
        // Kept at every attempt: that is how the host knows {filename}. The
        // same bytes are the same file, so this repeats nothing.
        let places: Vec<String> = upload
            .files
            .iter()
            .map(|file| store::put(file.index, &file.name))
            .collect::<Result<_, _>>()
            .map_err(not_stored)?;

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
            progress::save(&done.to_be_bytes()).map_err(|error| retry(&error))?;
        }
        let commands = if done == 1 { "command" } else { "commands" };
        let mut summary = format!("stored {}, {done} {commands} run", places.join(", "));
        if let Some(said) = said {
            summary = format!("{summary}: {said}");
        }
        Ok(Receipt { summary, links: Vec::new() })
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
        log::write(Level::Warn, &format!("{end}; the command said: {}", stderr.trim()), &[]);
    }
    let reason = match last_line(&exit.stderr_tail) {
        Some(line) => format!("{end}: {line}"),
        None => end,
    };
    match exit.code.is_some_and(|code| settings.exit_retry.contains(&code)) {
        true => Err(retry(&reason)),
        false => Err(Failure::Reject(rejection(RejectionReason::Other, &reason))),
    }
}

fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn not_stored(error: StoreError) -> Failure {
    match error {
        StoreError::Full => retry("the disk is full"),
        StoreError::Io(error) => retry(&error),
        StoreError::Denied(text) | StoreError::InvalidName(text) => {
            Failure::Reject(rejection(RejectionReason::Other, &text))
        }
        StoreError::NoSuchFile => {
            Failure::Reject(rejection(RejectionReason::Other, "a file is missing"))
        }
    }
}

fn not_run(error: ProcessError) -> Failure {
    match error {
        ProcessError::Timeout => retry("the command took longer than TIMEOUT"),
        ProcessError::Io(error) => retry(&error),
        ProcessError::Invalid(text) => Failure::Reject(rejection(RejectionReason::Invalid, &text)),
        ProcessError::Denied(text) => {
            Failure::Reject(rejection(RejectionReason::Unauthorized, &text))
        }
        ProcessError::NoSuchFile => {
            Failure::Reject(rejection(RejectionReason::Other, "a file is missing"))
        }
    }
}

fn retry(reason: &str) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds: None, reason: reason.to_owned() })
}

fn rejection(reason: RejectionReason, message: &str) -> Rejection {
    Rejection { reason, message: message.to_owned() }
}
