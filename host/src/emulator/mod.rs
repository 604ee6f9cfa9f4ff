//! Cameras, as far as a server can tell: they send the bytes of real ones and
//! judge the answer as those do.

mod email;
mod verdict;

pub use email::Email;
pub use verdict::Verdict;
