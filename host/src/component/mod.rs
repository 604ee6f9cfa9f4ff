//! A component as bytes, before anything of it runs: what its outside says
//! ([`outline`], [`types`]), why it cannot be an action here ([`problem`]), what an
//! operator wants to know of it ([`inspect`]), and its compiled form
//! ([`compile`], [`cache`], [`engine`]).
//!
//! Nothing here calls a component.

pub mod cache;
pub mod compile;
pub mod engine;
pub mod inspect;
pub mod interfaces;
pub mod outline;
pub mod problem;
pub mod types;

pub use problem::{LoadError, Problem};

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The bytes of a component's file. They are read once: what was hashed is
/// what is compiled, whatever happens to the file meanwhile.
///
/// # Errors
/// It cannot be read, or has more than 64 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error| Problem::Unreadable { path: path.to_owned(), error };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(compile::LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > compile::LARGEST {
        return Err(Problem::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}
