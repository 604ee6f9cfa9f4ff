//! Where the spool is, and folders that would lose photos.

use std::env;
use std::path::{Component, Path, PathBuf};

use super::document::Document;
use super::keys::{self, Draft};
use super::written::{Origin, Overrides, Written};

/// The spool's folder. `base` is the folder of `config.toml`.
pub(super) fn spool(draft: &Draft, base: &Path, warnings: &mut Vec<String>) -> PathBuf {
    let folder = chosen(draft, base, warnings);
    if is_temporary(&folder) && !(is_temporary(base) && is_below(&folder, base)) {
        warnings.push(format!(
            "SPOOL_FOLDER: {} is below a temporary folder, which is emptied at times: photos that \
             a camera was told are sent would be LOST; set SPOOL_FOLDER to a folder on a disk",
            folder.display()
        ));
    }
    folder
}

/// The same of a file that is not understood otherwise.
pub(super) fn spool_of(path: &Path, text: &str, overrides: &Overrides) -> Option<PathBuf> {
    let document = Document::parse(path, text).ok()?;
    let table: toml::Table = toml::from_str(text).ok()?;
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut draft = Draft::default();
    for name in ["SPOOL_FOLDER", "SESSION_FOLDER"] {
        let of_variable = overrides.variable(name).map(|(_, value)| value);
        let Some(value) = of_variable.or_else(|| table.get(name)?.as_str()) else { continue };
        let (key, value) = (keys::find(name)?, value.into());
        let written = Written { key, value, origin: Origin::File, place: document.whole() };
        written.set(&base, &mut draft).ok()?;
    }
    Some(spool(&draft, &base, &mut Vec::new()))
}

fn chosen(draft: &Draft, base: &Path, warnings: &mut Vec<String>) -> PathBuf {
    if let Some(folder) = &draft.spool_folder {
        return folder.clone();
    }
    // Set by systemd for a unit with StateDirectory=, which may have several.
    let state = env::var_os("STATE_DIRECTORY");
    if let Some(first) = state.and_then(|state| env::split_paths(&state).next()) {
        return first;
    }
    let beside = base.join("spool");
    let Some(sessions) = &draft.session_folder else { return beside };
    let below = sessions.join("afterimage");
    // Sessions could be lost; photos cannot. What is there already stays.
    let is_safe = !is_temporary(sessions)
        || (is_temporary(base) && !is_temporary_itself(sessions))
        || below.join("ledger.sqlite").exists();
    if is_safe {
        return below;
    }
    warnings.push(format!(
        "SESSION_FOLDER: {} is a temporary folder, so uploads on their way are kept in {}; \
         SPOOL_FOLDER names another place",
        sessions.display(),
        beside.display()
    ));
    beside
}

/// Refuses folders that are in each other's way.
pub(super) fn check(uploads: &Path, spool: &Path) -> Result<(), String> {
    if is_below(uploads, spool) {
        return Err(format!(
            "{} is the spool's folder or in it, where the server removes what it does not know; \
             name another one",
            uploads.display()
        ));
    }
    Ok(())
}

fn is_below(path: &Path, folder: &Path) -> bool {
    plain(path).starts_with(plain(folder))
}

/// Whether what is in `path` is removed at a restart, or by age.
fn is_temporary(path: &Path) -> bool {
    let path = plain(path);
    temporary().any(|folder| path.starts_with(folder))
}

fn is_temporary_itself(path: &Path) -> bool {
    let path = plain(path);
    temporary().any(|folder| path == folder)
}

fn temporary() -> impl Iterator<Item = PathBuf> {
    let known = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run"];
    known.into_iter().map(PathBuf::from).chain([plain(&env::temp_dir())])
}

/// `path` from the root, without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool_of(sessions: &str, base: &str) -> (PathBuf, usize) {
        let draft = Draft { session_folder: Some(sessions.into()), ..Draft::default() };
        let mut warnings = Vec::new();
        let folder = spool(&draft, Path::new(base), &mut warnings);
        (folder, warnings.len())
    }

    #[test]
    fn the_older_servers_temporary_sessions_are_no_place_for_photos() {
        for sessions in ["/tmp/", "/tmp", "/tmp/sessions", "/var/tmp", "/srv/../tmp"] {
            assert_eq!(spool_of(sessions, "/srv"), ("/srv/spool".into(), 1), "{sessions}");
        }
        assert_eq!(spool_of("/tmp/", "/tmp/try").0, Path::new("/tmp/try/spool"));
        assert_eq!(spool_of("/srv/sessions", "/srv"), ("/srv/sessions/afterimage".into(), 0));
    }

    #[test]
    fn a_spool_that_is_emptied_at_a_restart_is_told_loudly() {
        let draft = Draft { spool_folder: Some("/tmp/x".into()), ..Draft::default() };
        for base in ["/srv", "/tmp/try"] {
            let mut warnings = Vec::new();
            spool(&draft, Path::new(base), &mut warnings);
            assert!(warnings[0].contains("LOST"), "{warnings:?}");
        }
    }

    #[test]
    fn stored_files_do_not_lie_in_the_spool() {
        assert!(check(Path::new("/a/spool"), Path::new("/a/spool")).is_err());
        assert!(check(Path::new("/a/spool/x/../up"), Path::new("/a/spool")).is_err());
        assert!(check(Path::new("/a"), Path::new("/a/spool")).is_ok());
    }
}
