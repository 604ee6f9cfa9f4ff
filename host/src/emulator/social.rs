//! The sharing menu: log in, announce each file, send it (`protocol.md` 3.2,
//! 3.3, 3.5).

use std::fs::File;
use std::path::{Path, PathBuf};

use aes::Aes128;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use cbc::cipher::block_padding::ZeroPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Model;
use super::email::{escape, is_video};
use super::model::Target;
use super::verdict::{Heard, Piece, Verdict, exchange};
use crate::digest;

/// The gateway that cameras know.
const GATEWAY: &str = "snsgw.samsungmobile.com";

/// Share files by a service of the camera's menu
#[derive(Debug, clap::Args)]
pub struct Social {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Camera
    #[arg(long, value_enum, default_value = "nx300")]
    model: Model,
    /// Server
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    host: String,
    /// Service of the menu
    #[arg(long, default_value = "facebook")]
    service: String,
    /// User
    #[arg(long, default_value = "Camera@samsungcamera.com")]
    user: String,
    /// Password
    #[arg(long, default_value = "secret")]
    password: String,
    /// Text; after each ~ the description of a photo
    #[arg(long, default_value = "")]
    text: String,
}

impl Social {
    /// Shares the files and judges the answers.
    ///
    /// # Errors
    /// The model has no sharing menu, a file cannot be read, or the server
    /// cannot be reached.
    pub fn run(&self) -> anyhow::Result<Verdict> {
        let model = self.model.album();
        anyhow::ensure!(
            self.model.has_sharing(),
            "{model} has no sharing menu; try `camera email`"
        );
        for file in &self.files {
            anyhow::ensure!(
                !is_video(&name(file)) || ["facebook", "youtube"].contains(&self.service.as_str()),
                "{model} offers videos to facebook and youtube only"
            );
        }
        let mut heard = Vec::new();
        let content = match self.model {
            Model::St1000 => self.ask_for_services(&mut heard)?,
            _ => self.share(&mut heard)?,
        };
        let word = if content { "sent" } else { "failed" };
        Ok(Verdict { content, word, heard })
    }

    /// All that an ST1000 is known to do.
    fn ask_for_services(&self, heard: &mut Vec<String>) -> anyhow::Result<bool> {
        for path in ["/security/sso/initialize/time", "/social/columbus/serviceproviders/list"] {
            let head = format!(
                "GET {path} HTTP/1.0\r\nAuthorization:OAuth oauth_consumer_key=\"x\"\r\n\
                 x-osp-version:v1\r\nHost: www.ospserver.net\r\n\r\n"
            );
            heard.push(exchange(&self.host, &head, Vec::new())?.to_string());
        }
        heard.push("it stops here: nobody knows yet which answer it would take".to_owned());
        Ok(false)
    }

    /// Whether all went well.
    fn share(&self, heard: &mut Vec<String>) -> anyhow::Result<bool> {
        let answer = self.post("auth", &self.login()?)?;
        heard.push(format!("login: {answer}"));
        let session = match (answer.attribute("SessionKey"), answer.attribute("LoginPeopleID")) {
            (Some(session), Some(_)) if answer.status() == 200 => session,
            _ => return Ok(false),
        };
        for path in &self.files {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let (kind, announcement) = self.announcement(session, &name(path));
            let answer = self.post(kind, &announcement)?;
            let target = answer.attribute("HostAddr").zip(answer.attribute("ResourceID"));
            let Some((address, resource)) = target.filter(|_| answer.status() == 200) else {
                heard.push(format!("{}: {answer}", name(path)));
                return Ok(false);
            };
            let head = self.put_head(address, resource, &name(path), file.metadata()?.len());
            let answer = exchange(&self.host, &head, vec![Piece::File(file)])?;
            heard.push(format!("{}: {answer}", name(path)));
            if !answer.succeeds() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn post(&self, what: &str, body: &str) -> anyhow::Result<Heard> {
        let absolute = self.model.social_target() == Target::Absolute;
        let origin = if absolute { format!("http://{GATEWAY}") } else { String::new() };
        let head = format!(
            "POST {origin}/{}/{what} HTTP/1.1\r\nHost: {GATEWAY}\r\nContent-Length: {}\r\n\r\n",
            self.service,
            body.len()
        );
        exchange(&self.host, &head, vec![Piece::Text(body.to_owned())])
    }

    fn login(&self) -> anyhow::Result<String> {
        let mut key = [0; 32];
        let mut useless = [0; 128];
        getrandom::fill(&mut key).context("no random bytes")?;
        getrandom::fill(&mut useless).context("no random bytes")?;
        let (user, password, key_value) = if self.model.encrypts() {
            let value = format!(" Value=\"{}\"", BASE64.encode(key));
            (encrypted(&self.user, &key)?, encrypted(&self.password, &key)?, value)
        } else {
            (encoded(&self.user), encoded(&self.password), String::new())
        };
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Request Method=\"login\" Timeout=\"3000\" CameraCryptKey=\"{}\">\n\
             <UserName Value=\"{user}\"/>\n<Password Value=\"{password}\"/>\n\
             <PersistKey Use=\"true\"/>\n<SessionKey Type=\"APIF\"/>\n\
             <CryptSessionKey Use=\"true\" Type=\"SHA1\"{key_value}/>\n<ApplicationKey \
             Value=\"6a563c3967f147d3adfa454ef913535d0d109ba4b4584914\"/>\n</Request>",
            digest::hex(&useless)
        ))
    }

    /// Where to announce a file, and in which words.
    fn announcement(&self, session: &str, name: &str) -> (&'static str, String) {
        let (kind, element, extra) = if is_video(name) {
            ("video", "Video", "<Category Name=\"\" OwnerID=\"\"/>".to_owned())
        } else {
            let album = format!("<Album ID=\"\" Name=\"{}\"/>", self.model.album());
            ("photo", "Photo", album)
        };
        let request = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Request Method=\"upload\" Timeout=\"3000\" SessionKey=\"{session}\">\n<{element}>\n\
             {extra}\n<File Name=\"{}\"/>\n<Content>{}</Content>\n</{element}>\n</Request>",
            escape(name).replace('"', "&quot;"),
            escape(&self.text)
        );
        (kind, request)
    }

    fn put_head(&self, address: &str, resource: &str, name: &str, length: u64) -> String {
        let (target, version, photo) = self.model.put();
        let content_type = if is_video(name) { "video/mp4" } else { photo };
        let origin = match target {
            Target::Absolute => format!("http://{address}"),
            Target::Path => String::new(),
        };
        format!(
            "PUT {origin}/{resource} {version}\r\nHost: {address}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        )
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// AES-128-CBC with the key and IV that are sent along (`protocol.md` 4.1).
fn encrypted(text: &str, key: &[u8; 32]) -> anyhow::Result<String> {
    let (key, iv) = key.split_at(16);
    let cipher = cbc::Encryptor::<Aes128>::new_from_slices(key, iv)?;
    // At least one block, as of an empty text.
    let text = if text.is_empty() { "\0" } else { text };
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len().next_multiple_of(16), 0);
    let length = bytes.len();
    let bytes = cipher
        .encrypt_padded::<ZeroPadding>(&mut bytes, length)
        .map_err(|_| anyhow::anyhow!("the text does not fit its blocks"))?;
    Ok(encoded(&BASE64.encode(bytes)))
}

/// All but what an address may hold as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `protocol.md` 4.4, V03 and V06
    #[test]
    fn credentials_are_encrypted_as_published() {
        let key: [u8; 32] = std::array::from_fn(|n| n as u8);
        let user = encrypted("Camera@samsungcamera.com", &key).unwrap();
        assert_eq!(user, "8XAlR9hMu8P59J4atMUcAqrmQb%2FAod%2BoyTsPhRH%2BGfY%3D");
        let block = encrypted("sixteen-chars@xy", &key).unwrap();
        assert_eq!(block, "%2FN%2BnqLyeMvzgCAuHjpH0mA%3D%3D");
    }
}
