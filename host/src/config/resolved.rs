//! The configuration as the program uses it: defaults filled in, texts parsed,
//! names resolved.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::file::{ConfigError, Document, File, nearest};
use super::plugins::{Plugin, plugins};
use super::routes::{ActionName, Routes, action_name, routes};
use crate::plugin::bundled::BUNDLED;

/// Everything an operator can decide.
#[derive(Debug)]
pub struct Config {
    /// Address and port for cameras.
    pub listen: SocketAddr,
    /// Where `store` keeps files.
    pub upload_folder: PathBuf,
    /// Uploads on their way, compiled plugins, the server's own secret.
    pub spool_folder: PathBuf,
    /// Addresses that may send, as the operator wrote them.
    pub senders: Vec<String>,
    /// Key of the folder names that `store` makes; the server makes and keeps
    /// one of its own when there is none.
    pub secret: Option<String>,
    /// Which action an upload goes to.
    pub routes: Routes,
    /// The plugins that are used or configured, by name.
    pub plugins: BTreeMap<String, Plugin>,
    /// Settings of each mapped action: `[NAME]` with `[NAME.instance]` over it.
    pub settings: BTreeMap<ActionName, serde_json::Map<String, serde_json::Value>>,
    /// What is allowed but will not do what the operator may expect.
    pub warnings: Vec<String>,
}

/// What is asked at every upload; replaced as one at a reload.
#[derive(Debug)]
pub struct Rules {
    /// Addresses that may send, as the operator wrote them.
    pub senders: Vec<String>,
    /// Which action an upload goes to.
    pub routes: Routes,
}

impl Rules {
    /// Those of `config`.
    pub fn of(config: &Config) -> Self {
        Self { senders: config.senders.clone(), routes: config.routes.clone() }
    }
}

/// Who may send when the operator says nothing: the address that cameras are
/// shipped with (`protocol.md` 3.2).
const DEFAULT_SENDER: &str = "Camera@samsungcamera.com";

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// Anything the server could not run with, with line and remedy.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::parse(path, &text)
    }

    /// The defaults, with relative paths below `base`.
    ///
    /// # Errors
    /// None; the type is that of [`Config::load`].
    pub fn default_for(base: &Path) -> Result<Self, ConfigError> {
        Self::parse(&base.join("config.toml"), "")
    }

    /// The configuration in `text`, with relative paths beside `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (document, file) = Document::parse(path, text)?;
        // Relative to the file, not to where the server was started.
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut warnings = Vec::new();
        if file.insecure_download {
            warnings
                .push("INSECURE_DOWNLOAD has no effect: stored files are not served".to_owned());
        }

        let plugins = plugins(&document, &file, &base)?;
        let names: Vec<String> = plugins.keys().cloned().collect();
        let tables = document.settings(&names)?;
        for bundled in BUNDLED {
            if let Some(table) = tables.get(bundled.name) {
                table.check_keys(bundled.settings)?;
            }
        }

        let mut routes = routes(&document, &file, &names)?;
        for (target, action) in &file.actions {
            let name = action_name(action.get_ref());
            let Some(instance) = &name.instance else { continue };
            let known = tables.get(&name.plugin).map(|t| t.instances()).unwrap_or_default();
            if !known.is_empty() && !known.contains(instance) {
                let hint = match nearest(instance, &known) {
                    Some(near) => format!("did you mean {}.{near}?", name.plugin),
                    None => format!("add [{}.{instance}]", name.plugin.to_uppercase()),
                };
                return Err(document.error(
                    action,
                    format_args!("{target:?} goes to {name}, which has no table; {hint}"),
                ));
            }
        }
        let names_an_address = file.actions.keys().any(|key| key.contains('@'));
        routes.email = match (&file.mail_server, names_an_address) {
            (Some(_), _) if names.iter().any(|name| name == "email") => Some(action_name("email")),
            (Some(_), _) => {
                return Err(document.error_in_file(
                    "MAIL_SERVER is set, but this version has no e-mail action yet; remove it",
                ));
            }
            (None, true) => None,
            (None, false) => Some(action_name("store")),
        };

        let settings = routes
            .actions()
            .into_iter()
            .map(|name| {
                let merged = tables
                    .get(&name.plugin)
                    .map(|table| table.merged(name.instance.as_deref()))
                    .unwrap_or_default();
                (name.clone(), merged)
            })
            .collect();

        let listen = match &file.listen {
            Some(written) => parse_listen(written.get_ref())
                .map_err(|message| document.error(written, format_args!("LISTEN: {message}")))?,
            None => SocketAddr::from(([0, 0, 0, 0], 8080)),
        };
        Ok(Self {
            listen,
            upload_folder: base.join(file.upload_folder.as_deref().unwrap_or(Path::new("upload"))),
            spool_folder: spool_folder(&file, &base),
            senders: file.senders.unwrap_or_else(|| vec![DEFAULT_SENDER.to_owned()]),
            secret: file.secret,
            routes,
            plugins,
            settings,
            warnings,
        })
    }
}

/// Reads `ADDRESS:PORT`; `*` stands for every IPv4 address.
///
/// # Errors
/// What is wrong with it and how it is written.
pub fn parse_listen(written: &str) -> Result<SocketAddr, String> {
    let address = match written.strip_prefix("*:") {
        Some(port) => format!("0.0.0.0:{port}"),
        None => written.to_owned(),
    };
    address.parse().map_err(|_| {
        format!("{written:?} is no address and port; write it like \"0.0.0.0:8080\" or \"*:8080\"")
    })
}

fn spool_folder(file: &File, base: &Path) -> PathBuf {
    if let Some(folder) = &file.spool_folder {
        return base.join(folder);
    }
    // Set by systemd for a unit with StateDirectory=.
    if let Some(state) = std::env::var_os("STATE_DIRECTORY") {
        return PathBuf::from(state);
    }
    match &file.session_folder {
        Some(sessions) => base.join(sessions).join("afterimage"),
        None => base.join("spool"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("config.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_instance_overrides_only_what_it_names_and_leaves_the_table_alone() {
        let text = "[STORE]\nA = 1\nB = 2\n[STORE.pub]\nB = 3\n";
        let (document, _) = Document::parse(Path::new("config.toml"), text).unwrap();
        let tables = document.settings(&["store".to_owned()]).unwrap();
        let merged =
            |instance| serde_json::Value::from(tables["store"].merged(instance)).to_string();
        assert_eq!(merged(Some("pub")), r#"{"A":1,"B":3}"#);
        assert_eq!(merged(None), r#"{"A":1,"B":2}"#);
    }

    #[test]
    fn drop_is_another_name_of_ignore() {
        let config = parse("[ACTIONS]\n\"x@example.org\" = \"drop\"\n").unwrap();
        assert_eq!(config.routes.recipient("X@example.org").unwrap().plugin, "ignore");
    }

    #[test]
    fn mail_is_stored_by_default_unless_addresses_are_mapped() {
        let all = parse("").unwrap();
        assert_eq!(all.routes.recipient("x@example.org").unwrap().plugin, "store");
        let some = parse("[ACTIONS]\n\"a@example.org\" = \"store\"\n").unwrap();
        assert!(some.routes.recipient("x@example.org").is_none());
    }

    #[test]
    fn errors_name_the_line_and_the_remedy() {
        let cases = [
            ("SENDER = []\n", "config.toml:1: unknown key SENDER; did you mean SENDERS?"),
            (
                "\nMAIL_PORT = \"x\"\n",
                "config.toml:2: MAIL_PORT: invalid type: string \"x\", expected u16; write it like MAIL_PORT = 587",
            ),
            (
                "[ACTIONS]\nfacebok = \"store\"\n",
                "config.toml:2: \"facebok\" is neither an address nor a service; did you mean facebook?",
            ),
            (
                "[ACTIONS]\nfacebook = \"stor\"\n",
                "config.toml:2: \"facebook\" goes to \"stor\", which is no action; did you mean store?",
            ),
            (
                "[STORE]\nX = 1\n",
                "config.toml:2: unknown key in [STORE]: X; this table has no keys",
            ),
            (
                "[ACTIONS]\nfacebook = \"store.pbu\"\n[STORE.pub]\n",
                "config.toml:2: \"facebook\" goes to store.pbu, which has no table; did you mean store.pub?",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }
}
