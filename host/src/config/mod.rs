//! `config.toml` and what counts before it, as written ([`written`]) and as
//! the program uses it ([`Config`]). Nothing else reads the file; who runs
//! with it are `cli` and `server` alone.
//!
//! Each key is a row of [`keys`], which says where its value goes; [`resolved`]
//! then looks at the values beside each other.

mod actions;
mod autobackup;
mod document;
mod edit;
mod error;
mod folders;
pub mod keys;
mod plugins;
mod resolved;
mod routes;
mod source;
mod tables;
mod value;
mod written;

pub use actions::looks_secret;
pub use edit::{Stanza, set_password};
pub use error::ConfigError;
pub use resolved::Config;
pub use source::{DEFAULT_FILE, Source};
pub use written::{Origin, Written};
