//! The actions that come with the program: components like any other, built
//! by `build.rs` from `plugins/`.

use crate::config::{Grants, StoreGrant};

/// A component in this program.
pub struct Bundled {
    /// Name of the action.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// Keys of its settings.
    pub settings: &'static [&'static str],
    /// What it may ask of the host.
    pub grants: fn() -> Grants,
}

/// All of them.
pub const BUNDLED: &[Bundled] = &[
    Bundled {
        name: "ignore",
        component: include_bytes!(env!("PLUGIN_IGNORE")),
        settings: &[],
        grants: Grants::default,
    },
    Bundled {
        name: "store",
        component: include_bytes!(env!("PLUGIN_STORE")),
        settings: &[],
        grants: || Grants { store: Some(StoreGrant::InstanceOrSender) },
    },
];
