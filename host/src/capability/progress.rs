//! `progress`: durable notes of one delivery, in a file of their own.

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
        // Without its notes an action would repeat what is done; better to fail
        // this attempt.
        Ok(self.delivery.notes.load().await?)
    }

    async fn save(&mut self, notes: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        if self.in_check {
            return Ok(Err("there are no notes in check".to_owned()));
        }
        if notes.len() > LONGEST {
            return Ok(Err(format!("notes of {} bytes; 64 KiB are allowed", notes.len())));
        }
        Ok(self.delivery.notes.save(notes).await.map_err(|error| error.to_string()))
    }
}
