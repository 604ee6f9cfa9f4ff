//! `[AUTOBACKUP]`: whether cameras may copy their cards, in whose name, and
//! which ones.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::document::Document;
use super::error::ConfigError;
use crate::backup::{Camera, PORT, Settings, Who};
use crate::camera;
use crate::networks::Networks;
use crate::upload::AUTO_BACKUP;
use crate::values;

/// A camera may send its whole card again after months.
const REPEATS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Characters of the name that a camera's screen has room for.
const LONGEST_NAME: usize = 32;

/// The file, as far as it is about Auto Backup.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct File {
    /// Whether cameras may copy their cards.
    autobackup: Option<Spanned<AutobackupTable>>,
}

/// The table as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
struct AutobackupTable {
    /// In whose name files come.
    sender: Option<Spanned<String>>,
    /// What cameras show.
    name: Option<Spanned<String>>,
    /// Where cameras send to.
    listen: Option<Spanned<String>>,
    /// The only address of this machine that is offered.
    address: Option<Spanned<String>>,
    /// Who may ask.
    from: Option<Spanned<Vec<String>>>,
    /// The only cameras that may.
    cameras: Option<Spanned<BTreeMap<String, CameraTable>>>,
    /// How long a file's content is known.
    repeats: Option<Spanned<String>>,
}

/// One of `CAMERAS`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
struct CameraTable {
    /// Its model.
    model: Option<String>,
    /// In whose name its files come.
    sender: Option<String>,
}

/// The settings, none where the table is absent. `is_mapped` says whether
/// `[ACTIONS]` has an action for what comes.
pub(super) fn autobackup(
    document: &Document<'_>,
    is_mapped: bool,
    camera: &camera::Settings,
    warnings: &mut Vec<String>,
) -> Result<Option<Settings>, ConfigError> {
    let file: File = document.deserialize()?;
    let Some(table) = &file.autobackup else {
        if is_mapped {
            warnings.push(format!(
                "[ACTIONS] maps {AUTO_BACKUP}, but Auto Backup is off; add [AUTOBACKUP] and below it \
                 SENDER = \"Camera@samsungcamera.com\""
            ));
        }
        return Ok(None);
    };
    let read = Read { document, camera };
    let AutobackupTable { sender, name, listen, address, from, cameras, repeats } = table.get_ref();
    let Some(sender) = sender else {
        return Err(read.error(table, "SENDER is needed, one of SENDERS, in whose name files come"));
    };
    let sender = read.sender(sender, sender.get_ref(), warnings)?;
    let name = match name {
        None => Settings::NAME.to_owned(),
        Some(written) => read.name(written)?,
    };
    let listen = match listen {
        None => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT),
        Some(written) => match values::listen(written.get_ref()) {
            Ok(SocketAddr::V4(listen)) => listen,
            Ok(SocketAddr::V6(_)) => {
                return Err(read
                    .error(written, "LISTEN: cameras speak IPv4 only; write it like \"*:52235\""));
            }
            Err(message) => return Err(read.error(written, format_args!("LISTEN: {message}"))),
        },
    };
    if listen.port() != PORT && listen.port() != 0 {
        warnings.push(format!(
            "[AUTOBACKUP] LISTEN: no camera was ever seen with another port than {PORT}"
        ));
    }
    let address = address.as_ref().map(|written| read.address(written, listen)).transpose()?;
    let from = match from {
        None => Networks::private(),
        Some(written) if written.get_ref().is_empty() => {
            let words = "FROM is empty, so nobody could ask; leave it out for private networks";
            return Err(read.error(written, words));
        }
        Some(written) => Networks::parse(written.get_ref().iter().map(String::as_str))
            .map_err(|message| read.error(written, format_args!("FROM: {message}")))?,
    };
    let cameras = match cameras {
        None => Vec::new(),
        Some(written) => read.cameras(written, warnings)?,
    };
    let repeats = match repeats {
        None => REPEATS,
        Some(written) => values::duration(written.get_ref())
            .map_err(|message| read.error(written, format_args!("REPEATS: {message}")))?,
    };
    Ok(Some(Settings {
        sender,
        name,
        listen,
        address,
        from,
        cameras,
        repeats,
        limits: camera.limits,
        largest_upload: camera.largest_upload,
        free_space: camera.free_space.clone(),
        capture_folder: camera.capture_folder.clone(),
    }))
}

struct Read<'a> {
    document: &'a Document<'a>,
    camera: &'a camera::Settings,
}

impl Read<'_> {
    fn error<T>(&self, at: &Spanned<T>, message: impl std::fmt::Display) -> ConfigError {
        self.document.error(at, format_args!("[AUTOBACKUP] {message}"))
    }

    /// A sender in the spelling of `SENDERS`.
    fn sender<T>(
        &self,
        at: &Spanned<T>,
        written: &str,
        warnings: &mut Vec<String>,
    ) -> Result<String, ConfigError> {
        let Some(sender) = self.camera.senders.find(written) else {
            return Err(
                self.error(at, format_args!("SENDER: {written:?} is not in SENDERS; add it there"))
            );
        };
        if sender.password.is_some() {
            warnings.push(format!(
                "[AUTOBACKUP] SENDER: {} has a password, which Auto Backup does not ask for: who \
                 can reach the server can send in its name",
                sender.address
            ));
        }
        Ok(sender.address)
    }

    fn name(&self, written: &Spanned<String>) -> Result<String, ConfigError> {
        let name = written.get_ref().trim();
        let is_shown = !name.is_empty() && !name.chars().any(char::is_control);
        if is_shown && name.chars().count() <= LONGEST_NAME {
            return Ok(name.to_owned());
        }
        let words =
            format!("NAME: write a text of at most {LONGEST_NAME} characters like NAME = \"Home\"");
        Err(self.error(written, words))
    }

    fn address(
        &self,
        written: &Spanned<String>,
        listen: SocketAddrV4,
    ) -> Result<Ipv4Addr, ConfigError> {
        let address: Ipv4Addr = written.get_ref().trim().parse().map_err(|_| {
            let words =
                "ADDRESS: write an IPv4 address of this machine like ADDRESS = \"192.168.1.7\"";
            self.error(written, words)
        })?;
        if !listen.ip().is_unspecified() && *listen.ip() != address {
            let words = format!("ADDRESS: {address} is offered to cameras, but LISTEN is {listen}");
            return Err(self.error(written, words));
        }
        Ok(address)
    }

    fn cameras(
        &self,
        written: &Spanned<BTreeMap<String, CameraTable>>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Camera>, ConfigError> {
        if written.get_ref().is_empty() {
            let words =
                "CAMERAS is empty, so none could send; leave it out for every camera of FROM";
            return Err(self.error(written, words));
        }
        let mut cameras: Vec<Camera> = Vec::new();
        for (who, camera) in written.get_ref() {
            let Some(known) = Who::parse(who) else {
                return Err(self.error(
                    written,
                    format_args!(
                        "CAMERAS: {who:?} is neither the address of a network card \
                         (a0:21:95:00:00:01) nor an IPv4 address (192.168.1.20)"
                    ),
                ));
            };
            if cameras.iter().any(|camera| camera.who == known) {
                return Err(
                    self.error(written, format_args!("CAMERAS: {who:?} stands there twice"))
                );
            }
            if matches!(known, Who::Mac(_)) && !cfg!(target_os = "linux") {
                warnings.push(format!(
                    "[AUTOBACKUP.CAMERAS] {who}: on this system cameras are known by IPv4 addresses only"
                ));
            }
            let sender = camera.sender.as_deref();
            let sender = sender.map(|sender| self.sender(written, sender, warnings)).transpose()?;
            let model = camera.model.as_deref().map(str::trim).filter(|model| !model.is_empty());
            cameras.push(Camera { who: known, model: model.map(str::to_owned), sender });
        }
        Ok(cameras)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("config.toml"), text).map_err(|error| error.to_string())
    }

    const ON: &str = "[AUTOBACKUP]\nSENDER = \"camera@SAMSUNGcamera.com\"\n";

    #[test]
    fn it_is_off_unless_it_is_turned_on() {
        assert!(parse("").unwrap().autobackup.is_none());
        let settings = parse(ON).unwrap().autobackup.unwrap();
        assert_eq!(settings.sender, "Camera@samsungcamera.com");
        assert_eq!(
            (settings.name.as_str(), settings.listen.to_string().as_str()),
            ("Afterimage", "0.0.0.0:52235")
        );
        let idle = parse("[ACTIONS]\nautobackup = \"store\"\n").unwrap();
        assert!(idle.warnings.iter().any(|warning| warning.contains("[AUTOBACKUP]")));
        assert!(!idle.camera.services.contains("autobackup"), "no service of the sharing menu");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_remedy() {
        for (line, words) in [
            ("FROM = []", "FROM is empty"),
            ("FROM = [\"192.168.1\"]", "192.168.1"),
            ("LISTEN = \"[::1]:52235\"", "IPv4 only"),
            ("ADDRESS = \"home\"", "ADDRESS: write an IPv4 address"),
            ("ADDRESS = \"10.0.0.1\"\nLISTEN = \"10.0.0.2:52235\"", "but LISTEN is"),
            ("NAME = \"\"", "at most 32 characters"),
            ("REPEATS = \"a year\"", "REPEATS"),
            ("CAMERAS = {}", "CAMERAS is empty"),
            ("CAMERAS = { x = {} }", "neither the address of a network card"),
            ("CAMERAS = { \"10.0.0.1\" = { SENDER = \"x@example.org\" } }", "not in SENDERS"),
            ("NAEM = \"x\"", "NAEM"),
        ] {
            let error = parse(&format!("{ON}{line}\n")).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        assert!(parse("[AUTOBACKUP]\n").unwrap_err().contains("SENDER is needed"));
    }
}
