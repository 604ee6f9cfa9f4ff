//! Passwords of senders, kept as argon2id hashes (PHC strings).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// The hash of `password` for `SENDERS`, with a salt of its own. Takes some
/// 20 ms and 19 MiB, as OWASP advises.
///
/// # Errors
/// The system has no random bytes.
pub fn hash(password: &str) -> anyhow::Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| anyhow::anyhow!("cannot hash the password: {error}"))
}

/// Whether `hash` is one that [`is`] can compare with.
pub fn is_hash(hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"))
}

/// Whether `hash` was made of `password`. Takes as long as [`hash()`] did.
pub fn is(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hashed = hash("pässwörd€").unwrap();
        assert!(hashed.starts_with("$argon2id$") && is_hash(&hashed), "{hashed}");
        assert!(is("pässwörd€", &hashed) && !is("password", &hashed));
        assert!(!is_hash("secret") && !is("secret", "secret"));
        assert_ne!(hashed, hash("pässwörd€").unwrap());
    }
}
