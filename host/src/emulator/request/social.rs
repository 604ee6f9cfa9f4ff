//! The sharing menu: log in, announce a file, send it (`protocol.md` 3.2-3.5,
//! 4.1).

use aes::Aes128;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use cbc::cipher::block_padding::ZeroPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{escaped, is_video};
use crate::digest;
use crate::emulator::model::{Model, Sharing, Target};

/// The gateway that cameras know.
pub const GATEWAY: &str = "snsgw.samsungmobile.com";

/// A login, its values as they stand in the request.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// `CameraCryptKey`, of use for Samsung's own gateway only.
    pub camera_crypt_key: String,
    /// `UserName@Value`
    pub user: String,
    /// `Password@Value`
    pub password: String,
    /// `CryptSessionKey@Value`; HMX-QF30 has none.
    pub key: Option<String>,
}

impl Login {
    /// The login of `model` with a key of its own.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn of(model: Model, user: &str, password: &str) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        let mut useless = [0; 128];
        getrandom::fill(&mut key).context("no random bytes")?;
        getrandom::fill(&mut useless).context("no random bytes")?;
        let camera_crypt_key = digest::hex(&useless);
        Ok(if model.sharing() == Sharing::Encrypted {
            Self {
                camera_crypt_key,
                user: encrypted(user, &key)?,
                password: encrypted(password, &key)?,
                key: Some(BASE64.encode(key)),
            }
        } else {
            Self { camera_crypt_key, user: encoded(user), password: encoded(password), key: None }
        })
    }

    /// The camera's XML of it.
    pub fn xml(&self) -> String {
        let key = self.key.as_ref().map(|key| format!(" Value=\"{key}\"")).unwrap_or_default();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Request Method=\"login\" Timeout=\"3000\" CameraCryptKey=\"{}\">\n\
             <UserName Value=\"{}\"/>\n<Password Value=\"{}\"/>\n\
             <PersistKey Use=\"true\"/>\n<SessionKey Type=\"APIF\"/>\n\
             <CryptSessionKey Use=\"true\" Type=\"SHA1\"{key}/>\n<ApplicationKey \
             Value=\"6a563c3967f147d3adfa454ef913535d0d109ba4b4584914\"/>\n</Request>",
            self.camera_crypt_key, self.user, self.password
        )
    }
}

/// The announcement of a file of this name, a photo or a video; `album` is
/// where most models tell their name.
pub fn announcement(session: &str, album: &str, name: &str, text: &str) -> String {
    let (element, extra) = if is_video(name) {
        ("Video", "<Category Name=\"\" OwnerID=\"\"/>".to_owned())
    } else {
        ("Photo", format!("<Album ID=\"\" Name=\"{album}\"/>"))
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Request Method=\"upload\" Timeout=\"3000\" SessionKey=\"{session}\">\n<{element}>\n\
         {extra}\n<File Name=\"{}\"/>\n<Content>{}</Content>\n</{element}>\n</Request>",
        escaped(name).replace('"', "&quot;"),
        escaped(text)
    )
}

/// The head of a request to the gateway before a body of so many bytes.
pub fn post_head(model: Model, path: &str, length: usize) -> String {
    let absolute = model.social_target() == Target::Absolute;
    let origin = if absolute { format!("http://{GATEWAY}") } else { String::new() };
    format!("POST {origin}{path} HTTP/1.1\r\nHost: {GATEWAY}\r\nContent-Length: {length}\r\n\r\n")
}

/// The head of a file of so many bytes, sent where its announcement said.
/// None for the media type is what the model says of a file of this name.
pub fn put_head(
    model: Model,
    address: &str,
    resource: &str,
    content_type: Option<&str>,
    length: u64,
) -> String {
    let (target, version, photo) = model.put();
    let usual = if is_video(resource) { "video/mp4" } else { photo };
    let origin = match target {
        Target::Absolute => format!("http://{address}"),
        Target::Path => String::new(),
    };
    format!(
        "PUT {origin}/{resource} {version}\r\nHost: {address}\r\n\
         Content-Type: {}\r\nContent-Length: {length}\r\n\r\n",
        content_type.unwrap_or(usual)
    )
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
