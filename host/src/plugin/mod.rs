//! Running components: loading them ([`loader`]), one call of one of them
//! ([`call`]), what a call may use ([`limits`]) and why it failed ([`report`]).
//!
//! Nothing here does I/O for a guest; that is `capability`'s.

pub mod bundled;
mod cache;
mod call;
mod command;
pub mod compile;
mod engine;
mod limits;
mod loader;
mod report;

pub use call::{Action, CheckError, DeliverError};
pub use limits::Exceeded;
pub use loader::{LoadError, Loader};
pub use report::Failure;
