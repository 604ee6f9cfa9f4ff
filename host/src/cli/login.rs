//! `afterimage login mastodon`: gets a token that may upload files and post,
//! and nothing else.
//!
//! The server shows a code to whoever logs in there, and the code is typed in
//! here (OAuth 2.0 with PKCE, out of band): that works from a machine without
//! a browser, over any connection.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use crate::bundled::mastodon::SecretFile;
use crate::capability::http;
use crate::capability::http::Origin;
use crate::secret::Secret;

/// All that posting needs.
const SCOPES: &str = "write:media write:statuses";
/// Asks the server to show the code instead of leading somewhere.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// Arguments of `login mastodon`.
#[derive(Debug, clap::Args)]
pub struct Mastodon {
    /// The server: https://social.example.org
    server: String,
    /// File that is written; only its owner can read it
    #[arg(long, value_name = "FILE", default_value = "mastodon.secret")]
    secret: PathBuf,
}

impl Mastodon {
    /// Logs in, asking for the code on `input` and talking on `output`.
    ///
    /// # Errors
    /// The server does not know the API, the code is wrong, the file cannot be
    /// written.
    pub async fn run(&self, input: impl BufRead, output: impl Write) -> anyhow::Result<()> {
        let mut output = output;
        let written = match self.server.contains("://") {
            true => self.server.clone(),
            false => format!("https://{}", self.server),
        };
        let origin = Origin::parse(&written).map_err(anyhow::Error::msg)?;
        let server = Server::new(origin.clone())?;
        let (client_id, client_secret) = server.register().await?;
        let (verifier, state) = (random()?, random()?);
        let page = server.page(&client_id, &verifier, &state);
        write!(
            output,
            "Open this page, log in, and allow Afterimage to post:\n\n  {page}\n\nCode: "
        )?;
        output.flush()?;
        let mut line = String::new();
        input.take(8 << 10).read_line(&mut line)?;
        let code = code(&line, &state)?;
        let token = server.token(&client_id, &client_secret, &code, &verifier).await?;
        let account = server.account(&token).await?;

        let file = SecretFile {
            token,
            base_url: Some(origin.clone()),
            client_id: Some(client_id),
            client_secret: Some(client_secret),
        };
        keep(&self.secret, &file)
            .with_context(|| format!("{} cannot be written", self.secret.display()))?;
        let whose = account.map(|name| format!(" for @{name}")).unwrap_or_default();
        writeln!(
            output,
            "\nThe token{whose} is in {file}. For config.toml, which {file} lies beside:\n\n\
             [MASTODON]\nBASE_URL = \"{origin}\"\nTOKEN = {file:?}",
            file = self.secret.display().to_string()
        )?;
        Ok(())
    }
}

/// The server that is logged in to.
struct Server {
    origin: Origin,
    client: reqwest::Client,
}

impl Server {
    fn new(origin: Origin) -> anyhow::Result<Self> {
        // Whoever types the address may reach it, wherever it is.
        let client = http::client(true).map_err(anyhow::Error::msg)?;
        Ok(Self { origin, client })
    }

    async fn register(&self) -> anyhow::Result<(String, Secret)> {
        let app = self
            .post(
                "/api/v1/apps",
                &[
                    ("client_name", "Afterimage"),
                    ("redirect_uris", OUT_OF_BAND),
                    ("scopes", SCOPES),
                ],
            )
            .await?;
        let text = |key: &str| {
            let text = app[key].as_str().map(str::to_owned);
            text.with_context(|| format!("{} does not register programs: no {key}", self.origin))
        };
        Ok((text("client_id")?, Secret::new(text("client_secret")?)))
    }

    fn page(&self, client_id: &str, verifier: &Secret, state: &Secret) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client_id),
                ("redirect_uri", OUT_OF_BAND),
                ("scope", SCOPES),
                ("state", state.expose()),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("{}/oauth/authorize?{query}", self.origin)
    }

    async fn token(
        &self,
        client_id: &str,
        client_secret: &Secret,
        code: &str,
        verifier: &Secret,
    ) -> anyhow::Result<Secret> {
        let grant = self
            .post(
                "/oauth/token",
                &[
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                    ("redirect_uri", OUT_OF_BAND),
                    ("code_verifier", verifier.expose()),
                    ("scope", SCOPES),
                ],
            )
            .await
            .context("the code was not accepted; start again, it is good only once")?;
        let token = grant["access_token"].as_str().context("the server gave no token")?;
        Ok(Secret::new(token))
    }

    /// The account's name, none where the token may not read it.
    async fn account(&self, token: &Secret) -> anyhow::Result<Option<String>> {
        let url = format!("{}/api/v1/accounts/verify_credentials", self.origin);
        let answer = self.client.get(url).bearer_auth(token.expose()).send().await;
        let answer = answer.map_err(reqwest::Error::without_url)?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            bail!("{} does not accept the token that it gave", self.origin);
        }
        let account: Value = serde_json::from_slice(&read(answer).await?).unwrap_or_default();
        Ok(account["acct"].as_str().map(str::to_owned))
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Value> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let answer = self
            .client
            .post(format!("{}{path}", self.origin))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("no answer from {}", self.origin))?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(&read(answer).await?).unwrap_or_default();
        if !status.is_success() {
            let words = body["error_description"].as_str().or(body["error"].as_str());
            bail!("{} says: {} ({status})", self.origin, words.unwrap_or("nothing we understand"));
        }
        Ok(body)
    }
}

/// Reads an answer; none of these is longer than 1 MiB.
async fn read(mut answer: reqwest::Response) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if bytes.len() + piece.len() > 1 << 20 {
            bail!("the server's answer has no end");
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The code in what was pasted: the code alone, `code&state=...` as snac shows
/// it, or a whole URL.
fn code(pasted: &str, state: &Secret) -> anyhow::Result<String> {
    let pasted = pasted.trim();
    let query = match Url::parse(pasted) {
        Ok(url) => url.query().unwrap_or_default().to_owned(),
        Err(_) if pasted.starts_with("code=") => pasted.to_owned(),
        Err(_) => format!("code={pasted}"),
    };
    let mut code = String::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "code" => code = value.into_owned(),
            "state" if value != state.expose() && value != "None" => {
                bail!("this code belongs to another login; use the page shown above");
            }
            _ => {}
        }
    }
    if code.is_empty() {
        bail!("there is no code in it; paste what the server shows after you have allowed it");
    }
    Ok(code)
}

/// 256 bits that nobody can guess.
fn random() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Writes the file for its owner alone; an older one is replaced as a whole.
fn keep(path: &Path, secret: &SecretFile) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let draft = path.with_extension(format!("secret.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(secret.text().expose().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_however_it_is_pasted() {
        let state = Secret::new("s1");
        for pasted in [
            "c-0_de\n",
            "  c-0_de  ",
            "c-0_de&state=None",
            "c-0_de&state=s1",
            "code=c-0_de&state=s1",
            "https://social.example.org/oauth/authorize/native?code=c-0_de&state=s1",
        ] {
            assert_eq!(code(pasted, &state).unwrap(), "c-0_de", "{pasted:?}");
        }
    }

    #[test]
    fn a_code_of_another_login_and_none_at_all_are_refused() {
        let state = Secret::new("s1");
        assert!(code("c0de&state=s2", &state).is_err());
        assert!(code("\n", &state).is_err());
        assert!(code("https://social.example.org/", &state).is_err());
    }
}
