//! Where the configuration is from, to read it, and to read it again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::folders;
use super::resolved::Config;
use super::written::Overrides;

/// Read where nothing else is said, if it is there.
pub const DEFAULT_FILE: &str = "config.toml";

/// Where the configuration is from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file, none if there is none.
    pub path: Option<PathBuf>,
    /// What counts before it.
    pub overrides: Overrides,
}

impl Source {
    /// The file that `--config` named, the one that `CONFIG` names as the
    /// older server had it, or `config.toml` of this folder; before it count
    /// `listen` and the variables of the process.
    pub fn find(config: Option<&Path>, listen: Option<SocketAddr>) -> Self {
        let of_variable = || {
            let path = PathBuf::from(std::env::var_os("CONFIG")?);
            // Other programs have a variable of this name, too.
            let is_ours = path.extension().is_some_and(|end| end == "toml") || path.is_file();
            is_ours.then_some(path)
        };
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        let path = config.map(Path::to_owned).or_else(of_variable).or_else(default);
        let listen = listen.map(|address| address.to_string());
        Self { path, overrides: Overrides::of_process(listen) }
    }

    /// The configuration as it is written now.
    ///
    /// # Errors
    /// Anything the server could not run with.
    pub fn read(&self) -> Result<Config, ConfigError> {
        let (path, text) = self.text()?;
        Config::resolve(&path, &text, &self.overrides)
    }

    /// Where the spool is, even if the server could not run with the rest.
    ///
    /// # Errors
    /// It is not told, or the file cannot be read.
    pub fn spool_folder(&self) -> Result<PathBuf, ConfigError> {
        let (path, text) = self.text()?;
        match Config::resolve(&path, &text, &self.overrides) {
            Ok(config) => Ok(config.spool_folder),
            Err(error) => folders::spool_of(&path, &text, &self.overrides).ok_or(error),
        }
    }

    /// The file, and what is in it.
    fn text(&self) -> Result<(PathBuf, String), ConfigError> {
        let (path, text) = match &self.path {
            Some(path) => {
                let text =
                    std::fs::read(path).map_err(|error| ConfigError::unreadable(path, &error))?;
                (path.clone(), text)
            }
            None => (PathBuf::from(DEFAULT_FILE), Vec::new()),
        };
        let text = match std::str::from_utf8(&text) {
            // What some editors write before a text.
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
            Err(error) => return Err(ConfigError::not_utf8(&path, &text, &error)),
        };
        Ok((path, text))
    }
}
