//! Why something could not be kept, whatever it is kept in.

use std::io;
use std::path::PathBuf;

/// Why a spool did not take or tell something.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Files or folders.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The database of the spool, in its own words.
    #[error("ledger: {0}")]
    Ledger(String),
    /// The spool was closed: the server is ending.
    #[error("the ledger is closed")]
    Closed,
    /// A file of an upload is not there as the camera sent it, and will not be
    /// by itself.
    #[error("{0} is not in the spool as the camera sent it")]
    Gone(String),
    /// Somebody else has the delivery now: an operator, or another machine that
    /// took this one for dead. What came of it here must not be written over
    /// theirs.
    #[error("the delivery was taken over meanwhile")]
    TakenOver,
    /// The spool as a whole cannot be used before an operator has done
    /// something, which the words name.
    #[error("{} cannot be used: {words}", place.display())]
    Unusable {
        /// The spool.
        place: PathBuf,
        /// Why, and what to do.
        words: String,
    },
}
