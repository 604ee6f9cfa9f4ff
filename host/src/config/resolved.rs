//! The configuration as the program uses it: defaults filled in, texts parsed,
//! names resolved.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::actions::{Sources, actions};
use super::autobackup::autobackup;
use super::document::{Document, Mapping};
use super::error::{ConfigError, nearest};
use super::folders;
use super::keys::{Change, Draft, finish_mail, finish_names, finish_pages};
use super::plugins::plugins;
use super::routes::routes;
use super::tables::{Settings, settings};
use super::written::{Overrides, Written, gather};
use crate::action_name::ActionName;
use crate::bundled::{self, BUNDLED, Unmapped, action_name};
use crate::camera::settings::{Sender, Services};
use crate::capability::mail::MailServer;
use crate::delivery::{self, Routes};
use crate::plugin::{Plugin, Setup};
use crate::upload::AUTO_BACKUP;

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
    /// Whether and how names of cameras are answered.
    pub dns: Option<crate::dns::Settings>,
    /// Whether and how the operator's pages are served.
    pub web: Option<crate::web::Settings>,
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
    /// Components that cannot be read. A server cannot do without them; whoever
    /// looks at the queue can.
    pub unreadable: Vec<String>,
    /// What is written for each key, and where.
    pub written: Vec<Written>,
}

impl Config {
    /// Reads `path`, and nothing else: no variables of the environment.
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
        Self::resolve(path, text, &Overrides::default())
    }

    /// The names of the keys that differ from those of `started` and only
    /// count at a start.
    pub fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
        let of = |config: &Self, name| {
            let written = config.written.iter().find(|written| written.key.name == name);
            written.map(|written| written.value.clone())
        };
        super::keys::all()
            .filter(|key| key.change == Change::AtStart)
            .filter(|key| of(self, key.name) != of(started, key.name))
            .map(|key| key.name)
            .collect()
    }

    /// The configuration in `text` with `overrides` before it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(super) fn resolve(
        path: &Path,
        text: &str,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let document = Document::parse(path, text)?;
        document.check_misplaced()?;
        // Relative to the file, not to where the server was started.
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut warnings = Vec::new();
        let written = gather(&document, &base, overrides, &mut warnings)?;
        let mut draft = Draft::default();
        for written in &written {
            written.set(&base, &mut draft)?;
            // What something else counts before must not be wrong either.
            if let Some(below) = written.in_file(&document) {
                below.set(&base, &mut Draft::default())?;
            }
        }
        let at = |key: &str, message: String| match written
            .iter()
            .find(|written| written.key.name == key)
        {
            Some(written) => written.place.error(message),
            None => document.whole().error(message),
        };

        let variable = |key: &str| {
            overrides
                .variable(key)
                .map(|(name, value)| (name.to_owned(), format!("{key} = {value}")))
        };
        let (of_plugins, of_actions) = (variable("PLUGINS"), variable("ACTIONS"));
        let of_autobackup = variable("AUTOBACKUP");
        let mut unreadable = Vec::new();
        let plugins = match &of_plugins {
            Some((name, text)) => {
                plugins(&Document::of_variable(name, text)?, &base, &mut unreadable)?
            }
            None => plugins(&document, &base, &mut unreadable)?,
        };
        let mappings = match &of_actions {
            Some((name, text)) => Document::of_variable(name, text)?.mapping("ACTIONS")?,
            None => document.mapping("ACTIONS")?,
        };
        let names: Vec<String> = plugins.keys().cloned().collect();
        let tables = settings(&document, &names)?;
        for bundled in BUNDLED {
            if let Some(table) = tables.get(bundled.name) {
                table.check_keys(bundled)?;
            }
        }

        let (mail, has_mail_server) =
            finish_mail(&mut draft).map_err(|(key, message)| at(key, message))?;
        let routes = routes(&mappings, &names, has_mail_server)?;
        check_instances(&mappings, &tables)?;
        let sources = Sources {
            document: &document,
            mappings: &mappings,
            base: &base,
            plugins: &plugins,
            tables: &tables,
            mail: &mail,
        };
        let actions = actions(&sources, &routes, &mut warnings)?;
        warnings.extend(about_mail(&routes, has_mail_server, &mail));

        let spool_folder = folders::spool(&draft, &base, &mut warnings);
        let upload_folder = draft.upload_folder.take().unwrap_or_else(|| base.join("upload"));
        folders::check(&upload_folder, &spool_folder)
            .map_err(|message| at("UPLOAD_FOLDER", format!("UPLOAD_FOLDER: {message}")))?;
        let dns = finish_names(&mut draft);
        let listen = draft.listen.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8080)));
        let web = finish_pages(&mut draft, &upload_folder, listen)
            .map_err(|(key, message)| at(key, message))?;
        let mut camera = draft.camera;
        camera.free_space.folder.clone_from(&spool_folder);
        // Auto Backup is none of the sharing menu.
        let services = routes.services.keys().filter(|service| *service != AUTO_BACKUP);
        camera.services = Services::with(services);
        if let Some(sender) = &camera.oauth_sender {
            let sender = oauth_sender(sender, &camera)
                .map_err(|message| at("OAUTH_SENDER", format!("OAUTH_SENDER: {message}")))?;
            camera.oauth_sender = Some(sender);
        }
        warnings.extend(draft.warnings);
        let of_autobackup = match &of_autobackup {
            Some((name, text)) => Some(Document::of_variable(name, text)?),
            None => None,
        };
        let is_mapped = routes.services.contains_key(AUTO_BACKUP);
        let document = of_autobackup.as_ref().unwrap_or(&document);
        let autobackup = autobackup(document, is_mapped, &camera, &mut warnings)?;
        Ok(Self {
            listen,
            upload_folder,
            spool_folder,
            camera,
            autobackup,
            dns,
            web,
            secret: draft.secret,
            routes,
            plugins,
            actions,
            mail,
            deliveries: draft.deliveries,
            warnings,
            unreadable,
            written,
        })
    }
}

/// Refuses instances that have no table where others have one.
fn check_instances(
    mappings: &[Mapping],
    tables: &BTreeMap<String, Settings<'_>>,
) -> Result<(), ConfigError> {
    for Mapping { target, action, place } in mappings {
        let name = action_name(action);
        let Some(instance) = &name.instance else { continue };
        let known = tables.get(&name.plugin).map(Settings::instances).unwrap_or_default();
        if !known.is_empty() && !known.contains(instance) {
            let hint = match nearest(instance, &known) {
                Some(near) => format!("did you mean {}.{near}?", name.plugin),
                None => format!("add [{}.{instance}]", name.plugin.to_uppercase()),
            };
            return Err(
                place.error(format_args!("{target:?} goes to {name}, which has no table; {hint}"))
            );
        }
    }
    Ok(())
}

/// `written` in the spelling of `SENDERS`.
fn oauth_sender(written: &str, camera: &crate::camera::Settings) -> Result<String, String> {
    match camera.senders.find(written) {
        Some(Sender { address, password: None }) => Ok(address),
        Some(_) => Err("this sender has a password, which a login by OAuth does not ask for; \
                        name one without"
            .to_owned()),
        None => Err(format!("{written:?} is not in SENDERS; add it there")),
    }
}

/// E-mails that go where hardly anybody listens, and a server that none go to.
fn about_mail(routes: &Routes, has_server: bool, mail: &MailServer) -> Option<String> {
    let email = bundled::default_for(Unmapped::EmailOnceThereIsAServer).plugin;
    let is_used = routes.actions().iter().any(|name| name.plugin == email);
    match (is_used, has_server) {
        (true, false) => Some(format!(
            "{email} sends to {}:{}, since MAIL_SERVER is not set; set it unless a mail server \
             runs there",
            mail.server, mail.port
        )),
        (false, true) => Some(format!(
            "MAIL_SERVER is set, but nothing goes to {email}; map addresses to it in [ACTIONS], \
             like \"*\" = \"{email}\""
        )),
        _ => None,
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
                "config.toml:2: MAIL_PORT: a whole number from 1 to 65535 is needed, not \"x\"; write it like MAIL_PORT = 587",
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
