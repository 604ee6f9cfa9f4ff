//! Text of strangers: what cameras, servers and components wrote, in whatever
//! encoding, becomes text that can be kept ([`decode`]), put into one line
//! ([`one_line`]) and shown on a terminal or in a log ([`clean`]).
//!
//! Whoever writes a log line need not think of it: [`LogFields`] cleans and
//! bounds all of them where they are formatted.

mod clean;
mod decode;
mod log;

pub use clean::{clean, clipped, is_unprintable, one_line, printable};
pub use decode::{charset, decode};
pub use log::LogFields;
