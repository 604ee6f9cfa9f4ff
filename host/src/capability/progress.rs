//! `progress`: durable notes of one delivery, in a file of their own.

use wasmtime::component::HasSelf;

use super::call::{Call, Guest, Interface, Phase};
use crate::contract;

/// Longest notes, in bytes: hundreds of media ids.
const LONGEST: usize = 64 << 10;

/// `progress` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "progress",
        link: |linker| {
            contract::progress::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().progress
            })
        },
        grant: None,
    }
}

/// The notes of one delivery.
pub struct Progress {
    call: Call,
}

impl Progress {
    pub(super) fn new(call: Call) -> Self {
        Self { call }
    }
}

impl contract::progress::Host for Progress {
    async fn load(&mut self) -> wasmtime::Result<Option<Vec<u8>>> {
        if self.call.phase == Phase::Check {
            return Ok(None);
        }
        // Without its notes an action would repeat what is done; better to fail
        // this attempt.
        Ok(self.call.delivery.notes.load().await?)
    }

    async fn save(&mut self, notes: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        if self.call.phase == Phase::Check {
            return Ok(Err("there are no notes in check".to_owned()));
        }
        if notes.len() > LONGEST {
            return Ok(Err(format!("notes of {} bytes; 64 KiB are allowed", notes.len())));
        }
        Ok(self.call.delivery.notes.save(notes).await.map_err(|error| error.to_string()))
    }
}
