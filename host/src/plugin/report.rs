//! Why a call failed: the limit, what the guest said last, the trap.

use std::fmt;

use wasmtime_wasi::I32Exit;

use super::limits::{self, Exceeded};
use crate::text::printable;

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
        // A guest's own words may be in it.
        let trap = printable(&error.root_cause().to_string()).into_owned();
        Self { limit: limits::reached(error), trap, said_last }
    }

    pub(super) fn exceeded(limit: &Exceeded, said_last: String) -> Self {
        Self { limit: Some(limit.to_string()), trap: "ended by the host".to_owned(), said_last }
    }
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
