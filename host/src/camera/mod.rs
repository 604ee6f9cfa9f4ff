//! Bytes from and to cameras: what they send is understood, however odd, and
//! answered in the exact bytes they expect (`protocol.md`). Knows nothing of
//! actions, plugins or databases; what becomes of an upload is decided behind
//! [`Intake`].

mod base64;
pub(crate) mod body;
pub(crate) mod capture;
pub(crate) mod connection;
#[cfg(test)]
mod corpus;
mod crowd;
pub mod email;
mod file;
mod hotspot;
pub mod login;
mod mask;
mod media;
mod memory;
pub mod multipart;
mod osp;
mod page;
mod passwords;
mod path;
mod pending_logins;
pub(crate) mod places;
mod reply;
mod routes;
mod server;
pub mod settings;
mod social;
mod state;
mod transfer;
mod turns;
pub(crate) mod unknown_requests;
pub(crate) mod wire;

pub use connection::Camera;
pub use reply::Refused;
pub use server::serve;
pub use settings::{Portal, Settings};

use crate::spool::Lease;
use crate::upload::Upload;

/// Names that cameras look up; each must lead to this server
/// (`protocol.md` 1.2).
pub const HOSTS: [&str; 6] = [
    "gld.samsungosp.com",
    "www.samsungimaging.com",
    "www.ospserver.net",
    "snsgw.samsungmobile.com",
    "www.yahoo.co.kr",
    "www.msn.com",
];

/// What the camera side needs of the rest of the program.
pub trait Intake: Send + Sync + 'static {
    /// A place for an upload that is about to come.
    fn begin(&self) -> Result<Lease, Refused>;

    /// Takes over an upload whose bytes are all there. When this returns `Ok`
    /// the camera may hear OK.
    fn accept(
        &self,
        upload: Upload,
        lease: Lease,
    ) -> impl Future<Output = Result<(), Refused>> + Send;
}
