//! The credentials in a camera's `POST /<site>/auth`.
//!
//! Cameras send user and password either AES-encrypted, with the key in the
//! same message, or merely percent-encoded (inside TLS). The encryption is
//! therefore no secret: whoever can log a request knows the password, which is
//! why nothing here puts a value or a key into an error, a log or `Debug`.
//! Neither does it authenticate anything: a wrong key decrypts to random bytes,
//! and only their not being text tells. Wire facts: `protocol.md` 4.

use std::fmt;

use aes::Aes128;
use base64::Engine as _;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::base64::LENIENT;
use crate::text;

/// Decodes the credentials of a login, `protocol.md` 4.
///
/// `user`, `password` and `crypt_session_key` are the attributes
/// `UserName@Value`, `Password@Value` and `CryptSessionKey@Value` as they stand
/// in the request, XML entities already decoded. Without a key, or with an
/// empty one, the other two are only percent-encoded (`protocol.md` 4.6).
///
/// Spaces and case of a password are kept: they may belong to it (`protocol.md`
/// 4.3). Blanks around what stands in the request are not, nor around the user.
///
/// # Errors
///
/// Every [`LoginError`] is a failed login for the camera (401): a message that
/// tells a wrong key from a wrong user would help nobody but an attacker.
pub fn credentials(
    user: &str,
    password: &str,
    crypt_session_key: Option<&str>,
) -> Result<Credentials, LoginError> {
    let key = match crypt_session_key.map(str::trim_ascii) {
        None | Some("") => None,
        Some(value) => Some(SessionKey::decode(value)?),
    };
    let user = plain(user, Field::User, key.as_ref())?;
    // Who has no password to encrypt may send nothing at all.
    let password = match password.trim_ascii() {
        "" => String::new(),
        password => plain(password, Field::Password, key.as_ref())?,
    };
    let credentials = Credentials { user, password };
    if credentials.user.is_empty() {
        return Err(LoginError::EmptyUser);
    }
    Ok(credentials)
}

/// Who logs in, in plain text.
///
/// `Debug` shows the user and hides the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user as typed into the camera, mostly an e-mail address; never
    /// empty, without blanks around it, not lower-cased.
    pub user: String,
    /// The password as typed into the camera; may be empty.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why credentials could not be decoded, `protocol.md` 4.3 and 4.5.
///
/// No variant carries a part of a value or of the key, so all may be logged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LoginError {
    /// `CryptSessionKey@Value` is not base64. Likely a model that encodes its
    /// key in a way not seen yet: a dump of the request shows how.
    #[error("the session key is not base64")]
    KeyEncoding,
    /// `CryptSessionKey@Value` holds another number of bytes than the 32 of key
    /// and IV, for example because it was cut.
    #[error("the session key has {0} bytes instead of 32")]
    KeyLength(usize),
    /// The value is not base64 although a session key was sent. A model that
    /// sends a key and yet does not encrypt would look like this.
    #[error("the {0} is not base64")]
    Encoding(Field),
    /// The encrypted value has this many bytes, which is not a positive
    /// multiple of 16; it was cut or not encrypted with AES-CBC.
    #[error("the encrypted {0} has {1} bytes, not a positive multiple of 16")]
    Length(Field, usize),
    /// The value is no text in any encoding: a wrong key.
    #[error("the {0} is no text: a wrong key")]
    NoText(Field),
    /// The value holds control characters, which nobody can type into a
    /// camera: nearly always a wrong key.
    #[error("the {0} holds control characters")]
    Control(Field),
    /// Nothing is left of the user. The remedy is to enter one on the camera.
    #[error("the user is empty")]
    EmptyUser,
}

/// The half of the credentials an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `UserName@Value`.
    User,
    /// `Password@Value`.
    Password,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Password => "password",
        })
    }
}

fn plain(value: &str, field: Field, key: Option<&SessionKey>) -> Result<String, LoginError> {
    // Not form decoding: base64 uses `+`, and some bodies carry it unescaped.
    let value: Vec<u8> = percent_decode_str(value.trim_ascii()).collect();
    let bytes = match key {
        Some(key) => unpadded(key.decrypt(&value, field)?),
        None => value,
    };
    // What a wrong key decrypts to would look like text in some encoding, but
    // hardly without a control character.
    let is_utf8 = str::from_utf8(&bytes).is_ok();
    let text = text::decode(&bytes, None);
    let text = match field {
        Field::User => text.trim_ascii(),
        Field::Password => text.trim_end_matches(['\r', '\n']),
    };
    let has_control = text.chars().any(char::is_control);
    match (is_utf8, has_control || text.contains(char::REPLACEMENT_CHARACTER)) {
        (false, true) => Err(LoginError::NoText(field)),
        (true, _) if has_control => Err(LoginError::Control(field)),
        _ => Ok(text.to_owned()),
    }
}

/// Base64 without what came in between on its way: line breaks, and blanks
/// that were a `+` before somebody decoded a form.
fn base64(value: &[u8]) -> Option<Vec<u8>> {
    let value: Vec<u8> = value
        .trim_ascii()
        .iter()
        .filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\t'))
        .map(|byte| match byte {
            b' ' | b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    LENIENT.decode(value).ok()
}

/// AES key and IV, which come with every login in clear (`protocol.md` 4.1).
struct SessionKey {
    key: [u8; BLOCK],
    iv: [u8; BLOCK],
}

impl SessionKey {
    fn decode(value: &str) -> Result<Self, LoginError> {
        let value: Vec<u8> = percent_decode_str(value).collect();
        let bytes = base64(&value).ok_or(LoginError::KeyEncoding)?;
        match bytes.as_chunks() {
            (&[key, iv], []) => Ok(Self { key, iv }),
            _ => Err(LoginError::KeyLength(bytes.len())),
        }
    }

    fn decrypt(&self, value: &[u8], field: Field) -> Result<Vec<u8>, LoginError> {
        let mut bytes = base64(value).ok_or(LoginError::Encoding(field))?;
        let length = LoginError::Length(field, bytes.len());
        if bytes.is_empty() {
            return Err(length);
        }
        cbc::Decryptor::<Aes128>::new(&self.key.into(), &self.iv.into())
            .decrypt_padded::<NoPadding>(&mut bytes)
            .map_err(|_| length)?;
        Ok(bytes)
    }
}

/// Takes the padding off a decrypted text, `protocol.md` 4.3.
///
/// Cameras pad with zeros, and may leave garbage behind the first one as
/// behind the end of a C string. PKCS#7 was never seen; as its bytes are
/// control characters, which would fail the login anyway, understanding it
/// costs no valid text.
fn unpadded(mut plaintext: Vec<u8>) -> Vec<u8> {
    let length = match plaintext.iter().position(|&byte| byte == 0) {
        Some(end) => end,
        None => plaintext.len() - pkcs7(&plaintext),
    };
    plaintext.truncate(length);
    plaintext
}

/// The length of the PKCS#7 padding, 0 if there is none.
fn pkcs7(plaintext: &[u8]) -> usize {
    let Some(&last) = plaintext.last() else {
        return 0;
    };
    let count = usize::from(last);
    let is_padding = (1..=BLOCK).contains(&count)
        && plaintext.iter().rev().take(count).all(|&byte| byte == last);
    if is_padding { count } else { 0 }
}

/// The block of AES in bytes, and the length of an AES-128 key.
const BLOCK: usize = 16;

#[cfg(test)]
mod tests;
