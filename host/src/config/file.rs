//! `config.toml` as written: keys, types, and errors that name the line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::autobackup::AutobackupTable;
use super::deliveries::KeepTable;

/// The keys of `config.toml`. Tables of actions (`[MASTODON]`) are not in
/// here; see [`Document::settings`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub(super) struct File {
    /// Address and port for cameras.
    pub(super) listen: Option<Spanned<String>>,
    /// Where `store` keeps files.
    pub(super) upload_folder: Option<PathBuf>,
    /// Folder of the old server's sessions; the spool's parent by default.
    pub(super) session_folder: Option<PathBuf>,
    /// Uploads on their way, compiled plugins, the server's own secret.
    pub(super) spool_folder: Option<PathBuf>,
    /// The old server's open folder listing; not offered here.
    pub(super) insecure_download: bool,
    /// Addresses that may send: a list, or a table with passwords.
    pub(super) senders: Option<Spanned<toml::Value>>,
    /// Answer to the check for a captive portal, for all hosts or by host.
    pub(super) hotspot: Option<Spanned<toml::Value>>,
    /// In whose name a camera sends that logs in by OAuth.
    pub(super) oauth_sender: Option<Spanned<String>>,
    /// Codes in the answers to logins that fail.
    pub(super) error_codes: Option<Spanned<String>>,
    /// Connections at once.
    pub(super) max_connections: Option<Spanned<u16>>,
    /// Time for the head of a request.
    pub(super) head_timeout: Option<Spanned<String>>,
    /// Longest silence within a body.
    pub(super) silence_timeout: Option<Spanned<String>>,
    /// Size that a body must bring each second.
    pub(super) min_rate: Option<Spanned<String>>,
    /// How long a body may take before that counts.
    pub(super) min_rate_after: Option<Spanned<String>>,
    /// Largest upload.
    pub(super) max_upload: Option<Spanned<String>>,
    /// Space on the spool's disk that no upload may use.
    pub(super) min_free_space: Option<Spanned<String>>,
    /// Where raw requests are kept.
    pub(super) capture_folder: Option<PathBuf>,
    /// Key of the folder names that `store` makes.
    pub(super) secret: Option<String>,
    /// Smarthost.
    pub(super) mail_server: Option<String>,
    /// Its port.
    pub(super) mail_port: Option<u16>,
    /// Its account.
    pub(super) mail_username: Option<String>,
    /// Its password.
    pub(super) mail_password: Option<String>,
    /// STARTTLS.
    pub(super) mail_use_tls: Option<bool>,
    /// TLS from the first byte.
    pub(super) mail_use_ssl: Option<bool>,
    /// Envelope sender.
    pub(super) mail_default_sender: Option<Spanned<String>>,
    /// Whether that stands in `From`, too.
    pub(super) mail_rewrite_from: Option<Spanned<bool>>,
    /// Authorities of a server with a certificate of its own.
    pub(super) mail_ca_file: Option<Spanned<PathBuf>>,
    /// The only certificate to accept.
    pub(super) mail_pin_sha256: Option<Spanned<String>>,
    /// Largest message.
    pub(super) mail_max_size: Option<Spanned<String>>,
    /// Longest wait for one answer.
    pub(super) mail_timeout: Option<Spanned<String>>,
    /// Waiting times before the attempts of a delivery.
    pub(super) retry_delays: Option<Spanned<Vec<Spanned<String>>>>,
    /// Waiting time of all attempts after which a delivery is parked.
    pub(super) retry_for: Option<Spanned<String>>,
    /// How long a post waits for its next file.
    pub(super) collect_timeout: Option<Spanned<String>>,
    /// How long an upload that comes again is taken for a repeat.
    pub(super) repeat_window: Option<Spanned<String>>,
    /// Deliveries that may wait.
    pub(super) max_queue: Option<Spanned<i64>>,
    /// How long a stop waits for what is under way.
    pub(super) stop_timeout: Option<Spanned<String>>,
    /// What is kept of delivered uploads.
    pub(super) keep_delivered: KeepTable,
    /// Whether cameras may copy their cards.
    pub(super) autobackup: Option<Spanned<AutobackupTable>>,
    /// Recipient address or service → action.
    pub(super) actions: BTreeMap<String, Spanned<String>>,
    /// Actions that are not bundled.
    pub(super) plugins: BTreeMap<String, PluginTable>,
}

/// The keys of [`File`], each with an example for error messages.
const KEYS: &[(&str, &str)] = &[
    ("LISTEN", "\"0.0.0.0:8080\""),
    ("UPLOAD_FOLDER", "\"upload\""),
    ("SESSION_FOLDER", "\"session\""),
    ("SPOOL_FOLDER", "\"spool\""),
    ("INSECURE_DOWNLOAD", "false"),
    ("SENDERS", "[\"Camera@samsungcamera.com\"]"),
    ("HOTSPOT", "\"auto\""),
    ("OAUTH_SENDER", "\"Camera@samsungcamera.com\""),
    ("ERROR_CODES", "\"status\""),
    ("MAX_CONNECTIONS", "512"),
    ("HEAD_TIMEOUT", "\"20 s\""),
    ("SILENCE_TIMEOUT", "\"60 s\""),
    ("MIN_RATE", "\"500 B\""),
    ("MIN_RATE_AFTER", "\"30 s\""),
    ("MAX_UPLOAD", "\"4 GiB\""),
    ("MIN_FREE_SPACE", "\"256 MiB\""),
    ("CAPTURE_FOLDER", "\"capture\""),
    ("SECRET", "\"a long random text\""),
    ("MAIL_SERVER", "\"smtp.example.org\""),
    ("MAIL_PORT", "587"),
    ("MAIL_USERNAME", "\"me@example.org\""),
    ("MAIL_PASSWORD", "\"...\""),
    ("MAIL_USE_TLS", "true"),
    ("MAIL_USE_SSL", "false"),
    ("MAIL_DEFAULT_SENDER", "\"me@example.org\""),
    ("MAIL_REWRITE_FROM", "true"),
    ("MAIL_CA_FILE", "\"ca.pem\""),
    ("MAIL_PIN_SHA256", "\"4f5a...\""),
    ("MAIL_MAX_SIZE", "\"25 MiB\""),
    ("MAIL_TIMEOUT", "\"60 s\""),
    ("RETRY_DELAYS", "[\"0 s\", \"30 s\", \"1 h\"]"),
    ("RETRY_FOR", "\"5 days\""),
    ("COLLECT_TIMEOUT", "\"10 min\""),
    ("REPEAT_WINDOW", "\"10 min\""),
    ("MAX_QUEUE", "100000"),
    ("STOP_TIMEOUT", "\"20 s\""),
    ("KEEP_DELIVERED", "{ RECEIPTS = \"30 days\", FILES = \"0 s\" }"),
    ("AUTOBACKUP", "{ SENDER = \"Camera@samsungcamera.com\" }"),
    ("ACTIONS", "{ \"store@example.org\" = \"store\" }"),
    ("PLUGINS", "{ }"),
];

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
    /// A key to sign bodies with.
    pub(super) sign: Option<String>,
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

/// The text of one `config.toml` and what was read from it.
pub(super) struct Document<'a> {
    path: PathBuf,
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(path: &Path, text: &'a str) -> Result<(Self, File), ConfigError> {
        let error = |e: toml::de::Error, key: Option<&str>| ConfigError {
            path: path.to_owned(),
            line: e.span().map(|span| line_of(text, span.start)),
            message: match key.and_then(|k| KEYS.iter().find(|(name, _)| *name == k)) {
                Some((name, example)) => {
                    format!("{name}: {}; write it like {name} = {example}", e.message())
                }
                None => e.message().replace('\n', ": "),
            },
        };
        let table = DeTable::parse(text).map_err(|e| error(e, None))?.into_inner();
        let document = Self { path: path.to_owned(), text, table };
        let file = toml::from_str(text).map_err(|e: toml::de::Error| {
            let key = e.span().and_then(|span| document.key_at(span.start));
            error(e, key)
        })?;
        Ok((document, file))
    }

    /// Name of the plain top-level key (not table) whose value stands at `offset`.
    fn key_at(&self, offset: usize) -> Option<&str> {
        self.table
            .iter()
            .find(|(_, value)| !value.get_ref().is_table() && value.span().contains(&offset))
            .map(|(key, _)| key.get_ref().as_ref())
    }

    /// Settings of the actions, `[NAME]` by lower-case name, for those in
    /// `known`; any other key that is not one of [`KEYS`] is an error.
    pub(super) fn settings(
        &self,
        known: &[String],
    ) -> Result<BTreeMap<String, Settings<'_>>, ConfigError> {
        let mut settings = BTreeMap::new();
        for (key, value) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if KEYS.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let action = name.to_lowercase();
            match value.get_ref() {
                DeValue::Table(table) if name == name.to_uppercase() && known.contains(&action) => {
                    settings.insert(action, Settings { document: self, name, table });
                }
                value => {
                    let candidates: Vec<String> = KEYS
                        .iter()
                        .map(|(name, _)| (*name).to_owned())
                        .chain(known.iter().map(|name| name.to_uppercase()))
                        .collect();
                    let kind = if value.is_table() { "table" } else { "key" };
                    return Err(self.unknown(kind, name, &candidates, key.span().start));
                }
            }
        }
        Ok(settings)
    }

    /// An error at the place of `span`.
    pub(super) fn error<T>(&self, at: &Spanned<T>, message: impl fmt::Display) -> ConfigError {
        self.error_at(at.span().start, message)
    }

    fn error_at(&self, offset: usize, message: impl fmt::Display) -> ConfigError {
        ConfigError {
            path: self.path.clone(),
            line: Some(line_of(self.text, offset)),
            message: message.to_string(),
        }
    }

    /// An error that belongs to the file as a whole.
    pub(super) fn error_in_file(&self, message: impl fmt::Display) -> ConfigError {
        ConfigError { path: self.path.clone(), line: None, message: message.to_string() }
    }

    fn unknown(&self, kind: &str, name: &str, known: &[String], offset: usize) -> ConfigError {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => "this table has no keys".to_owned(),
            None => format!("known are {}", known.join(", ")),
        };
        self.error_at(offset, format_args!("unknown {kind} {name}; {hint}"))
    }
}

/// `[NAME]` with its instances `[NAME.instance]`.
pub(super) struct Settings<'a> {
    document: &'a Document<'a>,
    name: &'a str,
    table: &'a DeTable<'a>,
}

impl Settings<'_> {
    /// Names of the instances.
    pub(super) fn instances(&self) -> Vec<String> {
        self.table
            .iter()
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(key, _)| key.get_ref().to_string())
            .collect()
    }

    /// An error at the place of `key` in the table of `instance` or, where it
    /// has none, in `[NAME]`; at the first of their lines if it is in neither.
    pub(super) fn error(
        &self,
        instance: Option<&str>,
        key: &str,
        message: impl fmt::Display,
    ) -> ConfigError {
        let overlay = instance
            .and_then(|name| self.table.get(name))
            .and_then(|value| value.get_ref().as_table());
        let mut tables = overlay.into_iter().chain([self.table]);
        let span = tables
            .clone()
            .find_map(|table| table.iter().find(|(name, _)| name.get_ref() == key))
            .or_else(|| tables.find_map(|table| table.iter().next()))
            .map(|(key, _)| key.span());
        match span {
            Some(span) => self.document.error_at(span.start, message),
            None => self.document.error_in_file(message),
        }
    }

    /// Refuses keys that are not in `keys`, in the table and its instances.
    pub(super) fn check_keys(&self, keys: &[&str]) -> Result<(), ConfigError> {
        let known: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let instances = self.table.values().filter_map(|value| value.get_ref().as_table());
        for table in std::iter::once(self.table).chain(instances) {
            for (key, value) in table.iter() {
                let name = key.get_ref().as_ref();
                if !value.get_ref().is_table() && !keys.contains(&name) {
                    let kind = format!("key in [{}]:", self.name);
                    return Err(self.document.unknown(&kind, name, &known, key.span().start));
                }
            }
        }
        Ok(())
    }

    /// The table with that of `instance` laid over it, as JSON, made afresh:
    /// nothing of an instance ever reaches the table itself.
    pub(super) fn merged(
        &self,
        instance: Option<&str>,
    ) -> serde_json::Map<String, serde_json::Value> {
        let mut merged = scalars(self.table);
        let overlay = instance
            .and_then(|name| self.table.get(name))
            .and_then(|value| value.get_ref().as_table());
        if let Some(overlay) = overlay {
            merged.extend(scalars(overlay));
        }
        merged
    }
}

fn scalars(table: &DeTable<'_>) -> serde_json::Map<String, serde_json::Value> {
    table
        .iter()
        .filter(|(_, value)| !value.get_ref().is_table())
        .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
        .collect()
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().into()
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().into(),
        DeValue::Boolean(yes) => (*yes).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
            .collect(),
    }
}

/// The name among `known` that a typing error could have made of `name`.
pub(super) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let typing_errors = (name.len() / 3).max(1);
    known
        .iter()
        .map(|known| (strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= typing_errors)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// Something in `config.toml` that the program cannot run with. Its text is
/// `file:line: what is wrong; what to do`.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    message: String,
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot be read: {error}; give its place with --config FILE");
        Self { path: path.to_owned(), line: None, message }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}
