//! What all capabilities know of the call that they serve, and what each says
//! of itself.

use std::sync::Arc;

use wasmtime::component::Linker;

use super::offline::Offline;
use super::wall::Wall;
use super::{Capabilities, Grants};
use crate::upload::Delivery;

/// One call of one action.
#[derive(Clone)]
pub struct Call {
    /// What it is about.
    pub delivery: Arc<Delivery>,
    /// Whether the camera still waits.
    pub phase: Phase,
    /// Whether the operator grants in `[NAME]`, by settings of a bundled
    /// action, and not in `[PLUGINS.name]`.
    pub is_bundled: bool,
    /// How long it may stand still.
    pub wall: Wall,
    /// Hears of a network that is down.
    pub offline: Offline,
}

/// What an action is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Whether it would take an upload, while the camera waits: there are no
    /// bytes, no notes and no effects.
    Check,
    /// To deliver.
    Deliver,
}

impl Call {
    /// Whether it may have an effect now; `done` is what it would have done.
    ///
    /// # Errors
    /// Not in `check`, in words for the guest.
    pub(super) fn allows(&self, done: &str) -> Result<(), String> {
        match self.phase {
            Phase::Check => Err(format!("nothing can be {done} in check")),
            Phase::Deliver => Ok(()),
        }
    }

    /// Tells the operator of a use of `what` that is not granted, with the line
    /// that would allow it, and returns the text for the guest, which does not
    /// tell how to get around.
    pub(super) fn refuse(&self, what: &str, remedy: &str) -> String {
        let action = &self.delivery.action;
        let table = match self.is_bundled {
            false => format!("PLUGINS.{}", action.plugin),
            true => action.plugin.to_uppercase(),
        };
        tracing::warn!(target: "afterimage::capability", %action, "{what} refused; to allow it, add to [{table}]: {remedy}");
        format!("{what} is not granted")
    }
}

/// What holds the capabilities of a guest.
pub trait Guest: Send + 'static {
    /// Those of its call.
    fn capabilities(&mut self) -> &mut Capabilities;
}

/// One interface of the contract, for guests of the type `G`.
pub struct Interface<G: 'static> {
    /// Its name in the contract's package.
    pub name: &'static str,
    /// Puts the host's side into a linker.
    pub link: fn(&mut Linker<G>) -> wasmtime::Result<()>,
    /// What it takes to get it; none for what every component gets.
    pub grant: Option<Grant>,
}

/// A grant that an interface needs.
pub struct Grant {
    /// Key and an example value for `ALLOW`.
    pub example: &'static str,
    /// The grant as `ALLOW` would say it, none if there is no grant.
    pub shown: fn(&Grants) -> Option<String>,
}
