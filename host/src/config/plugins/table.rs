//! `[PLUGINS.name]` as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

/// All of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub(super) struct PluginTables {
    /// By name.
    pub(super) plugins: BTreeMap<String, PluginTable>,
}

/// `[PLUGINS.name]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(super) struct PluginTable {
    /// The component's file.
    pub(super) component: Spanned<PathBuf>,
    /// Its SHA-256; any other bytes are refused.
    pub(super) sha256: Option<Spanned<String>>,
    /// What it may ask of the host.
    #[serde(default)]
    pub(super) allow: AllowTable,
    /// What one call may use.
    #[serde(default)]
    pub(super) limits: LimitsTable,
    /// Secrets that the host puts into its requests.
    #[serde(default)]
    pub(super) secrets: Vec<SecretTable>,
}

/// One of the `SECRETS` of a plugin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(super) struct SecretTable {
    /// Where it is sent.
    pub(super) origin: Spanned<String>,
    /// The header it is sent in.
    pub(super) header: Spanned<String>,
    /// The header's value.
    pub(super) value: Option<String>,
    /// A file that holds it.
    pub(super) value_file: Option<PathBuf>,
    /// A key to sign bodies with.
    pub(super) sign: Option<String>,
    /// A file that holds it.
    pub(super) sign_file: Option<PathBuf>,
}

/// `ALLOW` of a plugin; what is absent is not allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields, default)]
pub(super) struct AllowTable {
    /// Folder below `UPLOAD_FOLDER` where `store.put` may keep files.
    pub(super) store: Option<Spanned<String>>,
    /// Recipients that `mail.send` may write to beside the upload's.
    pub(super) mail: Option<Spanned<Vec<String>>>,
    /// Whether `process.run` may run the `CMD` of the action's settings.
    pub(super) process: Option<Spanned<bool>>,
    /// Origins that `wasi:http` may reach.
    pub(super) http: Vec<Spanned<String>>,
    /// Whether their hosts may be machines of a private network.
    pub(super) private_networks: Option<Spanned<bool>>,
}

/// `LIMITS` of a plugin: durations as `"2 s"`, sizes as `"64 MiB"`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    /// Computing time of one delivery.
    pub(super) cpu: Option<Spanned<String>>,
    /// Time of one delivery, waiting included.
    pub(super) wall: Option<Spanned<String>>,
    /// Memory of one call.
    pub(super) memory: Option<Spanned<String>>,
}
