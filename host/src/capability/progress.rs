//! `progress`: durable notes of one delivery, in a file of their own.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::contract;
use crate::upload::Delivery;

/// Longest notes, in bytes: hundreds of media ids.
const LONGEST: usize = 64 << 10;

/// The notes of one delivery.
pub struct Progress {
    delivery: Arc<Delivery>,
    in_check: bool,
}

impl Progress {
    pub(super) fn new(delivery: Arc<Delivery>, in_check: bool) -> Self {
        Self { delivery, in_check }
    }
}

impl contract::progress::Host for Progress {
    async fn load(&mut self) -> wasmtime::Result<Option<Vec<u8>>> {
        if self.in_check {
            return Ok(None);
        }
        match tokio::fs::read(&self.delivery.notes).await {
            Ok(notes) => Ok(Some(notes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // Without its notes an action would repeat what is done; better
            // to fail this attempt.
            Err(error) => Err(error.into()),
        }
    }

    async fn save(&mut self, notes: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        if self.in_check {
            return Ok(Err("there are no notes in check".to_owned()));
        }
        if notes.len() > LONGEST {
            return Ok(Err(format!("notes of {} bytes; 64 KiB are allowed", notes.len())));
        }
        let delivery = self.delivery.clone();
        let saved = tokio::task::spawn_blocking(move || replace(&delivery.notes, &notes)).await?;
        Ok(saved.map_err(|error| error.to_string()))
    }
}

/// Replaces the file at `path` so that a crash leaves the old or the new.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    std::fs::File::open(folder)?.sync_all()
}
