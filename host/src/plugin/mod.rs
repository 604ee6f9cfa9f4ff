//! Running components: loading them ([`loader`]), one call of one of them
//! ([`call`]), what a call may use ([`limits`]) and why it failed ([`report`]).
//!
//! Nothing here does I/O for a guest; that is `capability`'s.

mod actions;
mod answer;
pub mod call;
mod command;
mod cpu_time;
mod limits;
pub mod loader;
mod report;
mod sandbox;
mod setup;

pub use actions::Actions;
pub use call::{Action, CheckError, DeliverError};
pub use limits::Exceeded;
pub use loader::Loader;
pub use report::Failure;
pub use setup::{Limits, Plugin, PluginSource, Setup};
