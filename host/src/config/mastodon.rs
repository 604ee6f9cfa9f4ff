//! `[MASTODON]`: the server, and the token that is for this server alone.

use std::path::Path;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::file::{ConfigError, Document, Settings};
use super::http::{HttpGrant, Injected, Injection, Origin, Secret};
use crate::action_name::ActionName;

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

/// What follows from the settings of one action.
pub(super) struct Account {
    pub(super) grant: Arc<HttpGrant>,
    pub(super) warning: Option<String>,
}

/// Checks the settings of `name`, `merged` from its tables, resolves its
/// token, and leaves in `merged` what the component is to see.
pub(super) fn account(
    document: &Document<'_>,
    table: Option<&Settings<'_>>,
    name: &ActionName,
    merged: &mut Map<String, Value>,
    base: &Path,
) -> Result<Account, ConfigError> {
    let at = |key: &str, message: String| {
        let message = format!("[MASTODON] {key}: {message}");
        match table {
            Some(table) => table.error(name.instance.as_deref(), key, message),
            None => document.error_in_file(message),
        }
    };
    check_values(merged).map_err(|(key, message)| at(key, message))?;
    let text = |merged: &Map<String, Value>, key: &str| {
        merged.get(key).and_then(Value::as_str).map(str::to_owned)
    };

    let Some(token) = text(merged, "TOKEN") else {
        return Err(at("TOKEN", format!("{name} needs a TOKEN and a BASE_URL; {LOGIN}")));
    };
    let path = base.join(&token);
    let secret = if path.is_file() {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| at("TOKEN", format!("{} cannot be read: {error}", path.display())))?;
        SecretFile::parse(&text)
            .map_err(|error| at("TOKEN", format!("{}: {error}; {LOGIN}", path.display())))?
    } else if token.contains('/') || token.ends_with(".secret") {
        let message = format!("{} is no file; {LOGIN}", path.display());
        return Err(at("TOKEN", message));
    } else if is_token(&token) {
        let token = Secret::new(token);
        SecretFile { token, base_url: None, client_id: None, client_secret: None }
    } else {
        let message = format!("it is neither a file nor a token; {LOGIN}");
        return Err(at("TOKEN", message));
    };

    // An inherited token is for the server it is inherited with.
    let inherited = table.filter(|_| name.instance.is_some()).map(|table| table.merged(None));
    if let Some(inherited) = inherited
        && secret.base_url.is_none()
        && inherited.get("TOKEN") == merged.get("TOKEN")
        && inherited.get("BASE_URL").is_some_and(|url| Some(url) != merged.get("BASE_URL"))
    {
        let message = format!("{name} has another server and needs a TOKEN of its own; {LOGIN}");
        return Err(at("BASE_URL", message));
    }

    let written = match text(merged, "BASE_URL") {
        Some(url) => Some(Origin::parse(&url).map_err(|message| at("BASE_URL", message))?),
        None => None,
    };
    let origin = match (written, secret.base_url) {
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

    let granted = merged.remove("PRIVATE_NETWORKS") == Some(Value::Bool(true));
    let private_networks = granted || origin.is_written_as_private();
    let warning = (origin.is_plain() && !private_networks).then(|| {
        format!("[MASTODON] BASE_URL: {origin} is not encrypted; the token can be read on the way")
    });
    merged.insert("BASE_URL".to_owned(), origin.to_string().into());
    let grant = Arc::new(HttpGrant {
        origins: vec![origin.clone()],
        private_networks,
        injections: vec![Injection {
            origin,
            header: AUTHORIZATION,
            value: Injected::Text(Secret::new(format!("Bearer {}", secret.token.expose()))),
        }],
    });
    Ok(Account { grant, warning })
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
