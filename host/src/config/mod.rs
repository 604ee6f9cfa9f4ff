//! `config.toml`: as written ([`file`]) and as the program uses it
//! ([`Config`]). Nothing else reads the file.

mod deliveries;
mod file;
mod plugins;
mod resolved;
mod routes;

pub use deliveries::Deliveries;
pub use file::ConfigError;
pub use plugins::{Grants, Limits, Plugin, PluginSource, StoreGrant};
pub use resolved::{Config, parse_listen};
pub use routes::{ActionName, Routes};
