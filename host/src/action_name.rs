//! `name` or `name.instance`: what shall be done with an upload.

use std::fmt;

/// `name` or `name.instance`: what shall be done with an upload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of its block of settings, `[NAME.instance]`.
    pub instance: Option<String>,
}

impl ActionName {
    /// Reads `name` or `name.instance` as it stands; other names of bundled
    /// actions are known to [`crate::bundled`].
    pub fn parse(written: &str) -> Self {
        let (plugin, instance) = match written.split_once('.') {
            Some((plugin, instance)) => (plugin, Some(instance.to_owned())),
            None => (written, None),
        };
        Self { plugin: plugin.to_owned(), instance }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instance {
            Some(instance) => write!(f, "{}.{instance}", self.plugin),
            None => write!(f, "{}", self.plugin),
        }
    }
}

/// Whether `name` can be one part of a path and of a table's name.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for written in ["store", "store.holiday", "mastodon.a-b_c"] {
            assert_eq!(ActionName::parse(written).to_string(), written);
        }
        assert!(is_plain("holiday_2-b") && !is_plain("../x") && !is_plain(""));
    }
}
