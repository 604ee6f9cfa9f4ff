//! The names that cameras look up, answered with this server's address, for
//! who has no name server of their own to teach. Answers only the cameras'
//! zones, never asks anybody else, and no answer is more than 16 bytes longer
//! than its question, so it is of no use for amplifying.

mod answer;
pub mod lookup;
mod paste;
mod serve;
mod zones;

use std::net::{Ipv4Addr, SocketAddr};

pub use answer::answer;
pub use paste::Format;
pub use serve::Responder;
pub use zones::NAMES;

use crate::networks::Networks;

/// What an operator decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens, UDP and TCP (`DNS_LISTEN`).
    pub listen: SocketAddr,
    /// The address that names lead to (`DNS_ADDRESS`); none: the one that the
    /// question came to.
    pub address: Option<Ipv4Addr>,
    /// Who may ask (`DNS_FROM`).
    pub from: Networks,
}
