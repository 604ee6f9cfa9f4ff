//! `ignore`: does nothing.

use super::{Bundled, Resolved, Unmapped};
use crate::capability::Grants;
use crate::plugin::Limits;

pub(super) const IGNORE: Bundled = Bundled {
    name: "ignore",
    aliases: &["drop"],
    component: include_bytes!(env!("PLUGIN_IGNORE")),
    settings: &[],
    secrets: &[],
    limits: Limits::default,
    grants: Grants::default,
    default_for: Unmapped::Nothing,
    resolve: |_, _| Ok(Resolved::default()),
};
