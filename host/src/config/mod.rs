//! `config.toml`: as written ([`file`]) and as the program uses it
//! ([`Config`]). Nothing else reads the file.

mod edit;
mod file;
mod plugins;
mod resolved;
mod routes;

pub use edit::Stanza;
pub use file::ConfigError;
pub use plugins::{Grants, Limits, Plugin, PluginSource, StoreGrant};
pub use resolved::{Config, Rules, parse_listen};
pub use routes::{ActionName, Routes};
