//! What an operator decides about Auto Backup.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use crate::camera::settings::Limits;
use crate::networks::Networks;
use crate::pairing::Mac;
use crate::spool::FreeSpace;

/// TCP port that cameras expect; others were never tried with one.
pub const PORT: u16 = 52235;

/// What an operator decides about Auto Backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// In whose name files come: in the spelling of the list of senders.
    pub sender: String,
    /// What cameras show: at most 32 printable characters.
    pub name: String,
    /// Where cameras send to.
    pub listen: SocketAddrV4,
    /// The only address of this machine that is offered to cameras, if it is
    /// one only.
    pub address: Option<Ipv4Addr>,
    /// Who may ask. Auto Backup speaks IPv4 only.
    pub from: Networks,
    /// The only cameras that may; empty for all of those networks.
    pub cameras: Vec<Camera>,
    /// How long a file's content is known.
    pub repeats: Duration,
    /// What a connection may use up.
    pub limits: Limits,
    /// Largest file, in bytes.
    pub largest_upload: u64,
    /// Space that no upload may use.
    pub free_space: FreeSpace,
    /// Folder of raw requests, when they shall be kept.
    pub capture_folder: Option<PathBuf>,
}

impl Settings {
    /// What cameras show when the operator says nothing.
    pub const NAME: &str = "Afterimage";
}

/// One camera that may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// By what it is known.
    pub who: Who,
    /// Its model; none if the operator does not say.
    pub model: Option<String>,
    /// In whose name its files come; none for [`Settings::sender`].
    pub sender: Option<String>,
}

/// By what a camera is known. Neither keeps out who wants in: both can be
/// chosen. It keeps out the neighbour's camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Its network card.
    Mac(Mac),
    /// Its address.
    Address(Ipv4Addr),
}

impl Who {
    /// Reads `a0:21:95:00:00:01` or `192.168.1.20`.
    pub fn parse(written: &str) -> Option<Self> {
        let address = || written.trim().parse().ok().map(Self::Address);
        Mac::parse(written).map(Self::Mac).or_else(address)
    }
}
