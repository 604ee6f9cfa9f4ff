//! `config.toml`: as written ([`file`]) and as the program uses it
//! ([`Config`]). Nothing else reads the file.

mod cameras;
mod command;
mod deliveries;
mod edit;
mod file;
mod http;
mod mail;
mod mastodon;
mod plugins;
mod resolved;
mod routes;

pub use command::{Command, Piece, Program, Template};
pub use deliveries::Deliveries;
pub use edit::Stanza;
pub use file::ConfigError;
pub use http::{HttpGrant, Injected, Injection, Origin, Secret};
pub use mail::{Account, Mail, Security, Trust};
pub use mastodon::SecretFile;
pub use plugins::{Grants, Limits, MailGrant, Plugin, PluginSource, StoreGrant};
pub use resolved::Config;
pub use routes::{Routes, action_name};
