//! Where a delivery stands.

use std::fmt;

use serde::{Serialize, Serializer};

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// A post that waits for its next file.
    Collecting,
    /// Waits for its first or next attempt.
    Queued,
    /// An attempt is under way.
    Delivering,
    /// Done; the receipt is kept.
    Delivered,
    /// The action will never take it; the files are kept.
    Rejected,
    /// Its attempts are used up, or it needs an operator; the files are kept.
    Parked,
}

impl State {
    /// Every state there is.
    pub const ALL: [Self; 6] = [
        Self::Collecting,
        Self::Queued,
        Self::Delivering,
        Self::Delivered,
        Self::Rejected,
        Self::Parked,
    ];

    /// The word that operators read and databases hold.
    pub fn word(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Queued => "queued",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Parked => "parked",
        }
    }

    /// The state with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it waits for a time to come.
    pub fn waits(self) -> bool {
        matches!(self, Self::Collecting | Self::Queued)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
