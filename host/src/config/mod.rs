//! `config.toml`: as written ([`file`]) and as the program uses it
//! ([`Config`]). Nothing else reads the file.

mod actions;
mod autobackup;
mod cameras;
mod deliveries;
mod edit;
mod file;
mod mail;
mod plugins;
mod resolved;
mod routes;

pub use edit::Stanza;
pub use file::ConfigError;
pub use resolved::Config;
