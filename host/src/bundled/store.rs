//! `store`: keeps each file below `UPLOAD_FOLDER`.

use super::{Bundled, Fault, Resolved, Unmapped, Written};
use crate::capability::{Grants, StoreGrant};
use crate::folder_pattern::FolderPattern;
use crate::plugin::{Limits, Setup};

pub(super) const STORE: Bundled = Bundled {
    name: "store",
    aliases: &[],
    component: include_bytes!(env!("PLUGIN_STORE")),
    settings: &["FOLDER"],
    secrets: &[],
    limits: Limits::default,
    grants: || Grants { store: Some(StoreGrant::InstanceOrSender), ..Grants::default() },
    default_for: Unmapped::All,
    resolve,
};

/// `FOLDER`: folders below the action's own. The component does not see them.
fn resolve(written: &Written<'_>, setup: &mut Setup) -> Result<Resolved, Fault> {
    setup.settings.remove("FOLDER");
    let Some(folder) = written.settings.get("FOLDER") else { return Ok(Resolved::default()) };
    let pattern = match folder.as_str() {
        Some(folder) => FolderPattern::parse(folder),
        None => Err("a text is needed, like FOLDER = \"{year}/{month}\"".to_owned()),
    };
    setup.grants.folders =
        Some(pattern.map_err(|why| Fault::at("FOLDER", format!("[STORE] FOLDER: {why}")))?);
    Ok(Resolved::default())
}
