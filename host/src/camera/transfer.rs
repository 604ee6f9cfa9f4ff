//! `Content-Transfer-Encoding` of a part: of mail clients and scripts that pose
//! as cameras. What cannot be decoded is an error; half a photo or its base64
//! must never pass for one.

use base64::Engine as _;
use bytes::{Bytes, BytesMut};

use super::base64::LENIENT;
use super::multipart::Chunks;
use super::reply::Refused;

/// Decodes the content of one part, chunk by chunk.
pub(super) enum Transfer {
    /// As it is.
    Plain,
    /// Base64; up to three characters that wait for the fourth.
    Base64 { waiting: Vec<u8>, padded: bool },
    /// Quoted-printable; the beginning of an escape that a chunk cut off.
    QuotedPrintable { waiting: Vec<u8> },
}

/// What stands there is not what the part says of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TransferError {
    #[error("a part is not base64, as it says")]
    Base64,
    #[error("Content-Transfer-Encoding {0:?} is not understood")]
    Unknown(String),
}

impl From<TransferError> for Refused {
    fn from(error: TransferError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The content of a part, decoded while it comes.
pub(super) struct Decoded<S> {
    source: S,
    transfer: Transfer,
    ended: bool,
}

impl<S> Decoded<S> {
    pub(super) fn new(source: S, transfer: Transfer) -> Self {
        Self { source, transfer, ended: false }
    }
}

impl<S: Chunks<Error = Refused>> Chunks for Decoded<S> {
    type Error = Refused;

    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        while !self.ended {
            let bytes = match self.source.next().await? {
                Some(chunk) => self.transfer.decode(chunk)?,
                None => {
                    self.ended = true;
                    self.transfer.end()?
                }
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl Transfer {
    /// What a header says, for content that begins so.
    pub(super) fn of(header: Option<&str>, begin: &[u8]) -> Result<Self, TransferError> {
        let name = header.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n \t".contains(&byte);
        match name.to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" | "identity" | "none" => Ok(Self::Plain),
            // Some say so and send a photo as it is.
            "base64" if begin.iter().take(64).any(|byte| !is_base64(*byte)) => Ok(Self::Plain),
            "base64" => Ok(Self::Base64 { waiting: Vec::new(), padded: false }),
            "quoted-printable" => Ok(Self::QuotedPrintable { waiting: Vec::new() }),
            _ => Err(TransferError::Unknown(name.to_owned())),
        }
    }

    /// The bytes that the next `chunk` stands for.
    pub(super) fn decode(&mut self, chunk: Bytes) -> Result<Bytes, TransferError> {
        match self {
            Self::Plain => Ok(chunk),
            Self::Base64 { waiting, padded } => {
                let text = chunk.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
                waiting.extend(text);
                if *padded && !waiting.is_empty() {
                    return Err(TransferError::Base64);
                }
                let whole: Vec<u8> = waiting.drain(..waiting.len() / 4 * 4).collect();
                *padded = whole.ends_with(b"=");
                LENIENT.decode(whole).map(Bytes::from).map_err(|_| TransferError::Base64)
            }
            Self::QuotedPrintable { waiting } => {
                waiting.extend_from_slice(&chunk);
                let (decoded, rest) = unquoted(waiting);
                *waiting = rest;
                Ok(decoded)
            }
        }
    }

    /// The bytes that are left when all chunks have come.
    pub(super) fn end(&mut self) -> Result<Bytes, TransferError> {
        match self {
            Self::Plain => Ok(Bytes::new()),
            Self::Base64 { waiting, .. } => {
                let rest = std::mem::take(waiting);
                LENIENT.decode(rest).map(Bytes::from).map_err(|_| TransferError::Base64)
            }
            Self::QuotedPrintable { waiting } => Ok(std::mem::take(waiting).into()),
        }
    }
}

/// What quoted-printable stands for, and the beginning of an escape at its end.
/// What is no escape stays as it is.
fn unquoted(text: &[u8]) -> (Bytes, Vec<u8>) {
    let mut decoded = BytesMut::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        decoded.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match rest {
            [_] | [_, b'\r'] => return (decoded.freeze(), rest.to_vec()),
            [_, b'\n', behind @ ..] | [_, b'\r', b'\n', behind @ ..] => rest = behind,
            [_, first] if digit(*first).is_some() => return (decoded.freeze(), rest.to_vec()),
            [_, first, second, behind @ ..] => {
                if let (Some(high), Some(low)) = (digit(*first), digit(*second)) {
                    decoded.extend_from_slice(&[high << 4 | low]);
                    rest = behind;
                } else {
                    decoded.extend_from_slice(b"=");
                    rest = &rest[1..];
                }
            }
            _ => {
                decoded.extend_from_slice(b"=");
                rest = &rest[1..];
            }
        }
    }
    decoded.extend_from_slice(rest);
    (decoded.freeze(), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(header: &str, text: &[u8], size: usize) -> Result<Vec<u8>, TransferError> {
        let mut transfer = Transfer::of(Some(header), text)?;
        let mut all = Vec::new();
        for chunk in text.chunks(size) {
            all.extend_from_slice(&transfer.decode(Bytes::copy_from_slice(chunk))?);
        }
        all.extend_from_slice(&transfer.end()?);
        Ok(all)
    }

    #[test]
    fn content_is_decoded_in_whatever_chunks_it_comes() {
        for size in [1, 2, 3, 5, 100] {
            assert_eq!(
                decoded("BASE64 ", b"/9j/\r\n4AAQ SkY=\r\n", size).unwrap(),
                b"\xff\xd8\xff\xe0\0\x10JF"
            );
            assert_eq!(
                decoded("base64", b"/9j/4AAQSkY", size).unwrap(),
                b"\xff\xd8\xff\xe0\0\x10JF"
            );
            let quoted = b"a=FF=d8 =\r\nb==3D=zz=";
            assert_eq!(decoded("quoted-printable", quoted, size).unwrap(), b"a\xff\xd8 b===zz=");
            assert_eq!(decoded("binary", b"\xff=3D", size).unwrap(), b"\xff=3D");
        }
    }

    #[test]
    fn what_is_not_base64_is_an_error_or_was_never_encoded() {
        assert_eq!(decoded("base64", b"\xff\xd8\xff", 2).unwrap(), b"\xff\xd8\xff");
        let late = [&[b'A'; 100][..], b"!!!!"].concat();
        assert_eq!(decoded("base64", &late, 50), Err(TransferError::Base64));
        assert_eq!(decoded("base64", b"QQ==QQ==", 4), Err(TransferError::Base64));
        assert!(matches!(decoded("x-uuencode", b"x", 1), Err(TransferError::Unknown(_))));
    }
}
