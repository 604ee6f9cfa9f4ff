//! Why an upload is not in the ledger.

use std::io;

use super::database::LedgerError;
use crate::spool::SpoolError;

/// The disk's refusal or the ledger's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl Refusal {
    /// Whether it may be there all the same.
    pub(super) fn is_uncertain(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_uncertain())
    }
}

impl From<Refusal> for SpoolError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Disk(error) => error.into(),
            Refusal::Ledger(error) => error.into(),
        }
    }
}
