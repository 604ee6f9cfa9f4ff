//! `settings`: the operator's table for this action, without secrets.

use std::sync::Arc;

use crate::contract;

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
