//! `[MASTODON]`: the server, and the token that is for this server alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::{Bundled, Fault, Resolved, Unmapped, Written};
use crate::capability::Grants;
use crate::capability::http::{HttpGrant, Injected, Injection, Origin};
use crate::plugin::{Limits, Setup};
use crate::secret::Secret;

pub(super) const MASTODON: Bundled = Bundled {
    name: "mastodon",
    aliases: &[],
    component: include_bytes!(env!("PLUGIN_MASTODON")),
    settings: &[
        "BASE_URL",
        "TOKEN",
        "POSTSCRIPT",
        "VISIBILITY",
        "LANGUAGE",
        "SENSITIVE",
        "STRIP_LOCATION",
        "MAX_CHARACTERS",
        "ON_TOO_MANY",
        "MISSING_ALT",
        "PRIVATE_NETWORKS",
    ],
    secrets: &["TOKEN"],
    // A video of 100 MB takes 15 minutes at 1 Mbit/s, and the server then
    // needs some to convert it.
    limits: || Limits { wall: Duration::from_secs(45 * 60), ..Limits::default() },
    // Its server is added where that is read.
    grants: Grants::default,
    default_for: Unmapped::Nothing,
    resolve,
};

/// What creates token and settings.
const LOGIN: &str = "`afterimage login mastodon https://your.server` makes both";

/// The file that `login` writes: one value a line, in the format of
/// Mastodon.py. Files of older programs end after the first or second line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Access token.
    pub token: Secret,
    /// The server.
    pub base_url: Option<Origin>,
    /// The program's id at this server.
    pub client_id: Option<String>,
    /// The program's password at this server.
    pub client_secret: Option<Secret>,
}

impl SecretFile {
    /// Reads the lines of `text`.
    ///
    /// # Errors
    /// The line that is wrong and why; never what is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(|line| Some(line.trim()).filter(|line| !line.is_empty()));
        let token = lines.next().flatten().ok_or("line 1 must be the access token")?;
        if !is_token(token) {
            return Err("line 1 is no access token".to_owned());
        }
        let base_url = match lines.next().flatten() {
            None => None,
            Some(url) => {
                let url =
                    if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
                Some(Origin::parse(&url).map_err(|_| "line 2 must be the server's URL")?)
            }
        };
        Ok(Self {
            token: Secret::new(token),
            base_url,
            client_id: lines.next().flatten().map(str::to_owned),
            client_secret: lines.next().flatten().map(Secret::new),
        })
    }

    /// The four lines.
    pub fn text(&self) -> Secret {
        Secret::new(format!(
            "{}\n{}\n{}\n{}\n",
            self.token.expose(),
            self.base_url.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.client_id.as_deref().unwrap_or_default(),
            self.client_secret.as_ref().map(Secret::expose).unwrap_or_default(),
        ))
    }
}

/// Whether `text` can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn resolve(written: &Written<'_>, setup: &mut Setup) -> Result<Resolved, Fault> {
    let name = written.name;
    let settings = written.settings;
    let at = |key: &str, message: String| Fault::at(key, format!("[MASTODON] {key}: {message}"));
    check_values(settings).map_err(|(key, message)| at(key, message))?;
    let text = |key: &str| settings.get(key).and_then(Value::as_str);

    let Some(token) = text("TOKEN") else {
        return Err(at("TOKEN", format!("{name} needs a TOKEN and a BASE_URL; {LOGIN}")));
    };
    let path = written.base.join(token);
    let secret = secret(&path, token).map_err(|message| at("TOKEN", message))?;

    // An inherited token is for the server it is inherited with.
    if let Some(inherited) = written.inherited
        && secret.base_url.is_none()
        && inherited.get("TOKEN") == settings.get("TOKEN")
        && inherited.get("BASE_URL").is_some_and(|url| Some(url) != settings.get("BASE_URL"))
    {
        let message = format!("{name} has another server and needs a TOKEN of its own; {LOGIN}");
        return Err(at("BASE_URL", message));
    }

    let base_url = match text("BASE_URL") {
        Some(url) => Some(Origin::parse(url).map_err(|message| at("BASE_URL", message))?),
        None => None,
    };
    let origin = match (base_url, secret.base_url) {
        (Some(written), Some(filed)) if written != filed => {
            return Err(at(
                "BASE_URL",
                format!(
                    "{written} is not {filed}, which the token in {} is for; correct one of them",
                    path.display()
                ),
            ));
        }
        (Some(origin), _) | (None, Some(origin)) => origin,
        (None, None) => {
            return Err(at("TOKEN", format!("{name} needs a BASE_URL as well; {LOGIN}")));
        }
    };

    let granted = setup.settings.remove("PRIVATE_NETWORKS") == Some(Value::Bool(true));
    let private_networks = granted || origin.is_written_as_private();
    let readable = (origin.is_plain() && !private_networks).then(|| {
        format!("[MASTODON] BASE_URL: {origin} is not encrypted; the token can be read on the way")
    });
    setup.settings.insert("BASE_URL".to_owned(), origin.to_string().into());
    setup.grants.http = Some(Arc::new(HttpGrant {
        origins: vec![origin.clone()],
        private_networks,
        injections: vec![Injection {
            origin,
            header: AUTHORIZATION,
            value: Injected::Text(Secret::new(format!("Bearer {}", secret.token.expose()))),
        }],
    }));
    Ok(Resolved { warnings: readable.into_iter().collect() })
}

/// The token that `TOKEN` is, or that the file at `path` holds.
fn secret(path: &Path, token: &str) -> Result<SecretFile, String> {
    if path.is_file() {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        return SecretFile::parse(&text)
            .map_err(|error| format!("{}: {error}; {LOGIN}", path.display()));
    }
    if token.contains('/') || token.ends_with(".secret") {
        return Err(format!("{} is no file; {LOGIN}", path.display()));
    }
    if !is_token(token) {
        return Err(format!("it is neither a file nor a token; {LOGIN}"));
    }
    let token = Secret::new(token);
    Ok(SecretFile { token, base_url: None, client_id: None, client_secret: None })
}

/// Values whose faults would else show at the first photo.
fn check_values(merged: &Map<String, Value>) -> Result<(), (&str, String)> {
    for (key, value) in merged {
        let one_of = |known: &[&str]| match value.as_str() {
            Some(text) if known.contains(&text) => Ok(()),
            _ => Err(format!("{value} is none of {}", known.join(", "))),
        };
        let fault = match key.as_str() {
            "VISIBILITY" => one_of(&["public", "unlisted", "private", "direct"]),
            "ON_TOO_MANY" => one_of(&["thread", "reject"]),
            "MISSING_ALT" => one_of(&["reject", "post"]),
            "SENSITIVE" | "STRIP_LOCATION" | "PRIVATE_NETWORKS" if !value.is_boolean() => {
                Err("write true or false".to_owned())
            }
            "MAX_CHARACTERS" if value.as_u64().is_none_or(|most| most == 0) => {
                Err("write how many characters a post may have, like 5000".to_owned())
            }
            "LANGUAGE" => match value.as_str() {
                Some(code)
                    if code.len() >= 2
                        && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-') =>
                {
                    Ok(())
                }
                _ => Err(format!("{value} is no language; write a code of ISO 639 like \"en\"")),
            },
            "BASE_URL" | "TOKEN" | "POSTSCRIPT" if !value.is_string() => {
                Err("write a text in quotes".to_owned())
            }
            _ => Ok(()),
        };
        fault.map_err(|message| (key.as_str(), message))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_to_four_lines_are_read() {
        let read = |text: &str| SecretFile::parse(text).unwrap();
        let one = read("t0ken\n");
        assert_eq!((one.token.expose(), one.base_url), ("t0ken", None));
        let two = read("t0ken\r\nsocial.example.org");
        assert_eq!(two.base_url.unwrap().to_string(), "https://social.example.org");
        let text = "t0ken\nhttp://localhost:8080\nid\nsecret\n";
        assert_eq!(read(text).text().expose(), text);
        assert_eq!(read("t0ken\nhttp://localhost:8080\n\n\n").client_id, None);
    }

    #[test]
    fn the_fault_of_a_file_does_not_tell_what_is_in_it() {
        for text in ["", "\nx", "my token\n", "t0ken\nftp://secret"] {
            let error = SecretFile::parse(text).unwrap_err();
            assert!(error.starts_with("line ") && !error.contains("secret"), "{error}");
        }
    }
}
