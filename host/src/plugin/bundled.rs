//! The actions that come with the program: components like any other, built
//! by `build.rs` from `plugins/`.

use crate::config::{Grants, Limits, StoreGrant};

/// A component in this program.
pub struct Bundled {
    /// Name of the action.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// Keys of its settings.
    pub settings: &'static [&'static str],
    /// Those among them that the host keeps to itself: the component finds
    /// `{"secret": true}` in their place.
    pub secrets: &'static [&'static str],
    /// What one delivery may use.
    pub limits: fn() -> Limits,
    /// What it may ask of the host.
    pub grants: fn() -> Grants,
}

/// All of them.
pub const BUNDLED: &[Bundled] = &[
    Bundled {
        name: "ignore",
        component: include_bytes!(env!("PLUGIN_IGNORE")),
        settings: &[],
        secrets: &[],
        limits: Limits::default,
        grants: Grants::default,
    },
    Bundled {
        name: "store",
        component: include_bytes!(env!("PLUGIN_STORE")),
        settings: &[],
        secrets: &[],
        limits: Limits::default,
        grants: || Grants { store: Some(StoreGrant::InstanceOrSender) },
    },
];
