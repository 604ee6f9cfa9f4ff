//! Passwords of senders, kept as argon2id hashes (PHC strings).

use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};

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

/// Whether `hash` is one that [`Checker`] can compare with.
pub fn is_hash(hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"))
}

/// Compares passwords with hashes, one after the other in the same memory: new
/// pages for each would take longer than the comparison, and several at once
/// all memory there is.
#[derive(Default)]
pub struct Checker {
    memory: Vec<Block>,
    used: Option<Instant>,
}

impl Checker {
    /// Whether `hash` was made of `password`. Takes as long as [`hash()`] did.
    pub fn is(&mut self, password: &str, hash: &str) -> bool {
        self.used = Some(Instant::now());
        self.compare(password, hash).unwrap_or(false)
    }

    /// Gives the memory back if it was not used for so long.
    pub fn forget(&mut self, idle: Duration) {
        if self.used.is_none_or(|used| used.elapsed() >= idle) {
            self.memory = Vec::new();
        }
    }

    fn compare(&mut self, password: &str, hash: &str) -> Option<bool> {
        let hash = PasswordHash::new(hash).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let (salt, expected) = (hash.salt?, hash.hash?);
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            // The old ones go first.
            self.memory = Vec::new();
            self.memory = vec![Block::new(); blocks];
        }
        let mut found = vec![0; expected.as_bytes().len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(
                password.as_bytes(),
                salt.as_ref(),
                &mut found,
                &mut self.memory[..blocks],
            )
            .ok()?;
        // Compared in a time that tells nothing.
        Some(Output::new(&found).ok()? == expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hashed = hash("pässwörd€").unwrap();
        assert!(hashed.starts_with("$argon2id$") && is_hash(&hashed), "{hashed}");
        let mut checker = Checker::default();
        assert!(checker.is("pässwörd€", &hashed) && !checker.is("password", &hashed));
        assert!(checker.is("pässwörd€", &hashed), "the same memory again");
        assert!(!is_hash("secret") && !checker.is("secret", "secret"));
        assert_ne!(hashed, hash("pässwörd€").unwrap());
    }

    #[test]
    fn hashes_of_other_strengths_are_compared_and_memory_is_given_back() {
        let mut checker = Checker::default();
        for (memory, algorithm) in [(64, Algorithm::Argon2i), (1024, Algorithm::Argon2d)] {
            let params = Params::new(memory, 2, 1, Some(24)).unwrap();
            let argon2 = Argon2::new(algorithm, Version::V0x13, params);
            let hashed = argon2.hash_password(b"x").unwrap().to_string();
            assert!(checker.is("x", &hashed) && !checker.is("y", &hashed), "{hashed}");
        }
        assert_eq!(checker.memory.len(), 1024);
        checker.forget(Duration::from_secs(60));
        assert_eq!(checker.memory.len(), 1024);
        checker.forget(Duration::ZERO);
        assert_eq!(checker.memory.capacity(), 0);
    }
}
