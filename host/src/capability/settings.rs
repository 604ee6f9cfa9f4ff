//! `settings`: the operator's table for this action, without secrets.

use std::sync::Arc;

use wasmtime::component::HasSelf;

use super::call::{Guest, Interface};
use crate::contract;

/// `settings` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "settings",
        link: |linker| {
            contract::settings::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().settings
            })
        },
        grant: None,
    }
}

/// The merged settings of one action, as JSON.
pub struct Settings(Arc<str>);

impl Settings {
    pub(super) fn new(json: Arc<str>) -> Self {
        Self(json)
    }
}

impl contract::settings::Host for Settings {
    async fn json(&mut self) -> wasmtime::Result<String> {
        Ok(self.0.to_string())
    }
}
