//! Keeps a server from telling a guest the secret that the host has sent it.
//!
//! An allowed origin is trusted with its own secret; this stops the pages that
//! many servers have by accident, which repeat a request's headers.

use bytes::Bytes;
use memchr::memmem;

/// The server repeated the secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Echoed;

/// Looks for a secret in a body that comes in pieces.
pub struct EchoScan {
    secret: Bytes,
    /// The end of what came so far, where it is a beginning of the secret; the
    /// guest gets it when it turns out to be none.
    held: Vec<u8>,
}

impl EchoScan {
    /// Looks for `secret`.
    pub fn new(secret: Bytes) -> Self {
        Self { secret, held: Vec::new() }
    }

    /// Takes a piece and returns what can be passed on.
    ///
    /// # Errors
    /// The secret is in it.
    pub fn pass(&mut self, piece: Bytes) -> Result<Bytes, Echoed> {
        if self.secret.is_empty() {
            return Ok(piece);
        }
        let mut bytes = if self.held.is_empty() {
            piece
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(&piece);
            joined.into()
        };
        if memmem::find(&bytes, &self.secret).is_some() {
            return Err(Echoed);
        }
        let longest = bytes.len().min(self.secret.len() - 1);
        let overlap = (1..=longest).rev().find(|&n| bytes.ends_with(&self.secret[..n]));
        self.held = bytes.split_off(bytes.len() - overlap.unwrap_or(0)).to_vec();
        Ok(bytes)
    }

    /// What is still held when the body ends.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&str]) -> Result<String, Echoed> {
        let mut scan = EchoScan::new("s3cret".into());
        let mut passed = Vec::new();
        for piece in pieces {
            passed.extend(scan.pass(Bytes::copy_from_slice(piece.as_bytes()))?);
        }
        passed.extend(scan.rest());
        Ok(String::from_utf8(passed).unwrap())
    }

    #[test]
    fn a_body_without_the_secret_passes_whole() {
        assert_eq!(scan(&["a s3c", "s3cre", "ss3", "", "c"]).unwrap(), "a s3cs3cress3c");
    }

    #[test]
    fn the_secret_is_found_in_one_piece_and_over_several() {
        assert_eq!(scan(&["token=s3cret!"]), Err(Echoed));
        assert_eq!(scan(&["token=s", "3cr", "et"]), Err(Echoed));
        assert_eq!(scan(&["s3cs", "3cret"]), Err(Echoed));
    }

    #[test]
    fn no_beginning_of_the_secret_is_passed_before_it_is_known_to_be_none() {
        let mut scan = EchoScan::new("s3cret".into());
        assert_eq!(scan.pass("x s3cre".into()).unwrap(), "x ");
    }
}
