//! Why a call failed: the limit, what the guest said last, the trap.

use std::fmt;

use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::engine::STACK;
use super::limits::Exceeded;

/// A call that ended without a result.
#[derive(Debug)]
pub struct Failure {
    /// The limit that ended it, if one did.
    pub limit: Option<String>,
    /// What the engine says.
    pub trap: String,
    /// The last lines of the guest's standard error; mostly the cause.
    pub said_last: String,
}

impl Failure {
    pub(super) fn new(error: &wasmtime::Error, said_last: String) -> Self {
        tracing::debug!("{error:?}");
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            let trap = format!("the component exited with {} instead of answering", exit.0);
            return Self { limit: None, trap, said_last };
        }
        let trap = error.root_cause().to_string();
        Self { limit: limit(error, &trap), trap, said_last }
    }

    pub(super) fn exceeded(limit: &Exceeded, said_last: String) -> Self {
        Self { limit: Some(limit.to_string()), trap: "ended by the host".to_owned(), said_last }
    }
}

fn limit(error: &wasmtime::Error, text: &str) -> Option<String> {
    if let Some(exceeded) = error.chain().find_map(|cause| cause.downcast_ref::<Exceeded>()) {
        return Some(exceeded.to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Some(format!("stack of {} KiB", STACK >> 10)),
        // A guest's own stack lies first in its memory; running over it is
        // an access below address 0.
        Some(Trap::MemoryOutOfBounds) => {
            return Some(
                "stack or memory of the guest's own making (recursion too deep?)".to_owned(),
            );
        }
        _ => {}
    }
    // These have no type of their own in wasmtime 48.
    [
        ("hostcalls has been exhausted", "argument of a host call over 2 MiB"),
        ("handle limit exceeded", "too many handles"),
        ("no free keys", "too many open handles"),
        ("total size of fields", "header fields over 64 KiB"),
        ("requested len", "more than 1 MiB of randomness at once"),
    ]
    .into_iter()
    .find(|(needle, _)| text.contains(needle))
    .map(|(_, limit)| limit.to_owned())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.limit {
            Some(limit) if *limit == self.trap => write!(f, "limit reached: {limit}")?,
            Some(limit) => write!(f, "limit reached: {limit} ({})", self.trap)?,
            None => write!(f, "{}", self.trap)?,
        }
        if !self.said_last.is_empty() {
            write!(f, "; guest said last: {}", self.said_last.replace('\n', " | "))?;
        }
        Ok(())
    }
}
