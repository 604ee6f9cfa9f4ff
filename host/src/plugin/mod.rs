//! Running components: loading them ([`loader`]), one call of one of them
//! ([`call`]), what a call may use ([`limits`]) and why it failed ([`report`]).
//!
//! Nothing here does I/O for a guest; that is `capability`'s.

mod actions;
pub mod anatomy;
mod cache;
mod call;
mod command;
pub mod compile;
mod engine;
pub mod inspect;
pub mod interfaces;
mod limits;
mod loader;
mod metered;
pub mod problem;
mod report;
pub mod script;
mod setup;
mod trial;
mod wave;
pub mod witness;

pub use actions::Actions;
pub use call::{Action, CheckError, DeliverError};
pub use limits::Exceeded;
pub use loader::{Loader, read};
pub use problem::{LoadError, Problem};
pub use report::Failure;
pub use setup::{Limits, Plugin, PluginSource, Setup};
pub use trial::{Outcome, Trial};
