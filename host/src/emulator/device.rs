//! What every function of an emulated camera has to know.

use super::Model;
use super::verdict::{Heard, Piece, exchange};

/// Which camera, and where it finds its server
#[derive(Debug, clap::Args)]
pub(super) struct Device {
    /// Camera
    #[arg(long, value_enum, default_value = "nx300")]
    pub(super) model: Model,
    /// Server
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    host: String,
}

impl Device {
    /// Sends a request and hears the answer.
    ///
    /// # Errors
    /// The server cannot be reached or does not answer.
    pub(super) fn ask(&self, head: &str, body: Vec<Piece>) -> anyhow::Result<Heard> {
        exchange(&self.host, head, body)
    }
}
