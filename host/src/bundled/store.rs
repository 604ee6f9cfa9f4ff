//! `store`: keeps each file below `UPLOAD_FOLDER`.

use super::{Bundled, Resolved, Unmapped};
use crate::capability::{Grants, StoreGrant};
use crate::plugin::Limits;

pub(super) const STORE: Bundled = Bundled {
    name: "store",
    aliases: &[],
    component: include_bytes!(env!("PLUGIN_STORE")),
    settings: &[],
    secrets: &[],
    limits: Limits::default,
    grants: || Grants { store: Some(StoreGrant::InstanceOrSender), ..Grants::default() },
    default_for: Unmapped::All,
    resolve: |_, _| Ok(Resolved::default()),
};
