//! The files of plugins, to see when one changes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::Config;
use crate::plugin::PluginSource;

/// The files of the plugins that something is mapped to.
#[derive(Debug, Default)]
pub(super) struct Components(BTreeMap<String, Watched>);

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    loaded: Option<Stamp>,
    seen: Option<Stamp>,
}

/// What changes when a file does. Cheaper than its digest, which is compared
/// afterwards.
type Stamp = (SystemTime, u64, u64);

impl Components {
    /// Those of `config` as they are now.
    pub(super) async fn of(config: &Config) -> Self {
        let mut files = BTreeMap::new();
        for setup in config.actions.values() {
            let name = &setup.plugin.name;
            if let (PluginSource::File { path, .. }, false) =
                (&setup.plugin.source, files.contains_key(name))
            {
                let now = stamp(path).await;
                let watched = Watched { path: path.clone(), loaded: now, seen: now };
                files.insert(name.clone(), watched);
            }
        }
        Self(files)
    }

    /// The plugins whose files changed since the look before the last and not
    /// since the last.
    pub(super) async fn changed(&mut self) -> Vec<String> {
        let mut changed = Vec::new();
        for (name, file) in &mut self.0 {
            let now = stamp(&file.path).await;
            // Gone is no change: a build removes before it writes.
            if now.is_some() && now == file.seen && now != file.loaded {
                file.loaded = now;
                changed.push(name.clone());
            }
            file.seen = now;
        }
        changed
    }
}

async fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
