//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as this process may by itself, and returns it.
/// Systems begin with few for the sake of programs of long ago.
pub fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, it stays; what it is then counts.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(current).unwrap_or(usize::MAX)
}
