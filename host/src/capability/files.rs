//! `files`: the upload's bytes in blocks, for guests without file access.

use std::io;
use std::os::unix::fs::FileExt;

use wasmtime::component::HasSelf;

use super::call::{Call, Guest, Interface, Phase};
use crate::contract::{self, files::FileError};

/// Length of a block, in bytes.
const BLOCK: u64 = 1 << 20;

/// `files` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "files",
        link: |linker| {
            contract::files::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().files
            })
        },
        grant: None,
    }
}

/// The files of one delivery.
pub struct Files {
    call: Call,
}

impl Files {
    pub(super) fn new(call: Call) -> Self {
        Self { call }
    }
}

impl contract::files::Host for Files {
    async fn read(
        &mut self,
        file: u32,
        block: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        if self.call.phase == Phase::Check {
            return Ok(Err(FileError::Io("there are no bytes in check".to_owned())));
        }
        let Some(file) = self.call.delivery.upload.files.get(file as usize) else {
            return Ok(Err(FileError::NoSuchFile));
        };
        let path = self.call.delivery.copy.path(file);
        let read = tokio::task::spawn_blocking(move || -> io::Result<Vec<u8>> {
            let file = std::fs::File::open(path)?;
            let offset = u64::from(block) * BLOCK;
            let rest = file.metadata()?.len().saturating_sub(offset);
            // At most BLOCK, which fits every usize.
            let mut bytes = vec![0; rest.min(BLOCK) as usize];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(bytes)
        })
        .await?;
        Ok(read.map_err(|error| FileError::Io(error.to_string())))
    }
}
