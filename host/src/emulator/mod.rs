//! Cameras, as far as a server can tell: they send the bytes of real ones and
//! judge the answer as those do.

mod backup;
mod device;
mod email;
mod hotspot;
mod model;
pub mod request;
mod social;
mod verdict;

pub use backup::Backup;
pub use email::Email;
pub use hotspot::Hotspot;
pub use model::Model;
pub use social::Social;
pub use verdict::Verdict;
