//! The configuration as the program uses it: defaults filled in, texts parsed,
//! names resolved.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::actions::{Sources, actions};
use super::autobackup::autobackup;
use super::cameras::cameras;
use super::deliveries::deliveries;
use super::file::{ConfigError, Document, File, nearest};
use super::mail::mail;
use super::plugins::plugins;
use super::routes::routes;
use crate::action_name::ActionName;
use crate::bundled::{self, BUNDLED, Unmapped, action_name};
use crate::capability::mail::MailServer;
use crate::delivery::{self, Routes};
use crate::plugin::{Plugin, Setup};
use crate::values;

/// Everything an operator can decide.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port for cameras.
    pub listen: SocketAddr,
    /// Where `store` keeps files.
    pub upload_folder: PathBuf,
    /// Uploads on their way, compiled plugins, the server's own secret.
    pub spool_folder: PathBuf,
    /// Who may send, what is served, what strangers may use up.
    pub camera: crate::camera::Settings,
    /// Whether and how cameras may copy their cards.
    pub autobackup: Option<crate::backup::Settings>,
    /// Key of the folder names that `store` makes; the server makes and keeps
    /// one of its own when there is none.
    pub secret: Option<String>,
    /// Which action an upload goes to.
    pub routes: Routes,
    /// The plugins that are used or configured, by name.
    pub plugins: BTreeMap<String, Arc<Plugin>>,
    /// The set-up of each action that something is mapped to.
    pub actions: BTreeMap<ActionName, Setup>,
    /// The mail server.
    pub mail: MailServer,
    /// Retries, collecting, retention.
    pub deliveries: delivery::Settings,
    /// What is allowed but will not do what the operator may expect.
    pub warnings: Vec<String>,
}

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
            (Some(_), _) => Some(bundled::default_for(Unmapped::EmailOnceThereIsAServer)),
            (None, true) => None,
            (None, false) => Some(bundled::default_for(Unmapped::All)),
        };
        let mail = mail(&document, &file, &base, &mut warnings)?;
        let sources = Sources {
            document: &document,
            file: &file,
            base: &base,
            plugins: &plugins,
            tables: &tables,
            mail: &mail,
        };
        let actions = actions(&sources, &routes, &mut warnings)?;

        let listen = match &file.listen {
            Some(written) => values::listen(written.get_ref())
                .map_err(|message| document.error(written, format_args!("LISTEN: {message}")))?,
            None => SocketAddr::from(([0, 0, 0, 0], 8080)),
        };
        let spool_folder = spool_folder(&file, &base);
        let camera = cameras(&document, &file, &routes, &base, &spool_folder)?;
        let autobackup = autobackup(&document, &file, &camera, &mut warnings)?;
        let deliveries = deliveries(&document, &file)?;
        Ok(Self {
            listen,
            upload_folder: base.join(file.upload_folder.as_deref().unwrap_or(Path::new("upload"))),
            spool_folder,
            camera,
            autobackup,
            secret: file.secret,
            routes,
            plugins,
            actions,
            mail,
            deliveries,
            warnings,
        })
    }
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
    use crate::capability::http::{Injected, Injection};

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
    fn a_token_is_in_the_grant_of_its_server_and_in_no_settings() {
        let text = "[ACTIONS]\nfacebook = \"mastodon\"\npicasa = \"mastodon.pub\"\n\
            [MASTODON]\nBASE_URL = \"https://A.example.org/\"\nTOKEN = \"t0ken\"\n\
            [MASTODON.pub]\nBASE_URL = \"http://127.0.0.1:8000\"\nTOKEN = \"t0ken-pub\"\n";
        let config = parse(text).unwrap();
        assert!(!format!("{config:?}").contains("t0ken"));
        let of = |name: &str, token: &str| {
            let name = action_name(name);
            let http = config.actions[&name].grants.http.clone().unwrap();
            let [Injection { origin, value: Injected::Text(text), .. }] = &http.injections[..]
            else {
                panic!("one token")
            };
            assert_eq!((&http.origins[0], text.expose_bare()), (origin, token));
            let settings =
                serde_json::Value::from(config.actions[&name].settings.clone()).to_string();
            (settings, http.private_networks)
        };
        let settings = |url| format!(r#"{{"BASE_URL":"{url}","TOKEN":{{"secret":true}}}}"#);
        assert_eq!(of("mastodon", "t0ken"), (settings("https://a.example.org"), false));
        assert_eq!(of("mastodon.pub", "t0ken-pub"), (settings("http://127.0.0.1:8000"), true));
        assert!(config.actions[&action_name("store")].grants.http.is_none());
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
            ("[STORE]\nX = 1\n", "config.toml:2: unknown key in [STORE]: X; known are FOLDER"),
            (
                "[ACTIONS]\nfacebook = \"store.pbu\"\n[STORE.pub]\n",
                "config.toml:2: \"facebook\" goes to store.pbu, which has no table; did you mean store.pub?",
            ),
        ];
        let mastodon = [
            (
                "BASE_URL = \"https://a.example.org\"",
                "config.toml:4: [MASTODON] TOKEN: mastodon needs a TOKEN and a BASE_URL; `afterimage login mastodon https://your.server` makes both",
            ),
            (
                "TOKEN = \"x\"\nBASE_URL = \"a.example.org\"",
                "config.toml:5: [MASTODON] BASE_URL: \"a.example.org\" is no URL: relative URL without a base; write scheme and host like \"https://social.example.org\"",
            ),
            (
                "TOKEN = \"x\"\nVISIBILITY = \"all\"",
                "config.toml:5: [MASTODON] VISIBILITY: \"all\" is none of public, unlisted, private, direct",
            ),
            (
                "TOKEN = \"my.secret\"",
                "config.toml:4: [MASTODON] TOKEN: my.secret is no file; `afterimage login mastodon https://your.server` makes both",
            ),
            ("TOKN = \"x\"", "config.toml:4: unknown key in [MASTODON]: TOKN; did you mean TOKEN?"),
        ];
        let inherited = "[ACTIONS]\nfacebook = \"mastodon.b\"\n[MASTODON]\n\
            BASE_URL = \"https://a.example.org\"\nTOKEN = \"x\"\n\
            [MASTODON.b]\nBASE_URL = \"https://b.example.org\"\n";
        assert_eq!(
            parse(inherited).unwrap_err(),
            "config.toml:7: [MASTODON] BASE_URL: mastodon.b has another server and needs a TOKEN of its own; `afterimage login mastodon https://your.server` makes both"
        );
        for (settings, expected) in mastodon {
            let text = format!("[ACTIONS]\nfacebook = \"mastodon\"\n[MASTODON]\n{settings}\n");
            assert_eq!(parse(&text).unwrap_err(), expected);
        }
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }
}
