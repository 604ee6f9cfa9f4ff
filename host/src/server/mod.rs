//! The server: everything that a configuration says is built and checked
//! ([`build`]), run until a signal ends it ([`run`](mod@run)), and built again
//! when the configuration changes ([`reload`]). A start is a reload from
//! nothing, so the two cannot drift apart.

mod build;
mod components;
mod handed;
mod pages;
mod port;
mod reload;
mod run;
mod service;

pub use build::Unusable;
pub use run::run;
