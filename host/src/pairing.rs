//! What a card must hold so that a camera's Auto Backup finds its server: a
//! small text file with the server's identity (`docs/auto-backup.md`).
//!
//! The camera looks for the one server whose UDN stands in that file and passes
//! all others over. The line ends are CR LF on every platform; with LF alone
//! EX2F and NX300 got nowhere.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use crate::digest;

/// How the UDN of every installation of Samsung's own program begins. Whether
/// cameras look at it is not known, so it is kept.
const PREFIX: &str = "4a682b0b-0361-dbae-6155-";

/// Identity of a server towards cameras: `uuid:` and 36 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Udn(String);

impl Udn {
    /// The one of the installation that has this secret: always the same, and
    /// another one elsewhere.
    pub fn of_installation(secret: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"autobackup");
        let digits = digest::hex(&mac.finalize().into_bytes()[..6]);
        Self(format!("uuid:{PREFIX}{digits}"))
    }

    /// Reads `uuid:` and what follows it: letters, digits and `-`, 64 at most.
    pub fn parse(written: &str) -> Option<Self> {
        let (scheme, id) = written.trim().split_once(':')?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(is_plain);
        (scheme.eq_ignore_ascii_case("uuid") && is_id).then(|| Self(format!("uuid:{id}")))
    }

    /// As it stands in a description: `uuid:...`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Udn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Address of a network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Reads six pairs of hexadecimal digits with `:` or `-` between them, in
    /// whatever case.
    pub fn parse(written: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut pairs = written.trim().split([':', '-']);
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| (1..=2).contains(&pair.len()))?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }

    /// One of an installation without a network card: marked as local, and the
    /// same at each call.
    pub fn of_installation(secret: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"mac");
        let random = mac.finalize().into_bytes();
        Self([0x02, random[0], random[1], random[2], random[3], random[4]])
    }

    /// Whether it can be one card's: neither nothing nor a group's.
    pub fn is_of_a_card(self) -> bool {
        self.0 != [0; 6] && self.0[0] & 1 == 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Whom to wake; of no matter for a server that is on.
    pub mac: Mac,
    /// Whom to look for.
    pub udn: Udn,
    /// What the camera's screen calls it.
    pub name: String,
}

impl Pairing {
    /// The file: five lines, each ending in CR LF.
    pub fn text(&self) -> String {
        let Self { mac, udn, name } = self;
        format!(
            "MacAddr={mac}\r\nUDN={udn}\r\nfriendlyName={name}\r\nWOLSupport=1\r\n\
             ServerFlag=1\r\n"
        )
    }

    /// Reads a file as a camera does: none without the CR before each line's
    /// end, or without one of its first three lines.
    pub fn parse(text: &str) -> Option<Self> {
        if text.replace("\r\n", "").contains(['\r', '\n']) || !text.ends_with("\r\n") {
            return None;
        }
        let value = |key: &str| {
            let lines = text.split("\r\n").filter_map(|line| line.split_once('='));
            lines.into_iter().find(|(found, _)| *found == key).map(|(_, value)| value)
        };
        Some(Self {
            mac: Mac::parse(value("MacAddr")?)?,
            udn: Udn::parse(value("UDN")?)?,
            name: value("friendlyName")?.to_owned(),
        })
    }
}

/// A camera that has Auto Backup, and where it looks for its file on the card.
///
/// FAT should not tell letter cases apart, yet owners of two models reported
/// that only one spelling works.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// As it stands on the camera.
    pub name: &'static str,
    /// Folder in the root of the card.
    pub folder: &'static str,
    /// File in that folder.
    pub file: &'static str,
    /// Whether somebody reported that this spelling works.
    pub is_reported: bool,
}

const fn reported(name: &'static str, folder: &'static str, file: &'static str) -> Model {
    Model { name, folder, file, is_reported: true }
}

const fn assumed(name: &'static str) -> Model {
    Model { name, is_reported: false, ..USUAL }
}

/// Where most models look, for one of which nothing is known.
pub const USUAL: Model = reported("another camera", "dlna_web_root", "SAMSUNGAutoBackupDESC.ini");

/// The models that have the function or are said to.
pub const MODELS: &[Model] = &[
    reported("NX300", USUAL.folder, USUAL.file),
    reported("NX500", USUAL.folder, USUAL.file),
    reported("NX1000", USUAL.folder, USUAL.file),
    reported("EX2F", USUAL.folder, USUAL.file),
    reported("DV300F", "DLNA_WEB_ROOT", "SAMSUNGAutoBackupDESC.ini"),
    reported("WB150F", "DLNA_WEB_ROOT", "SAMSUNGAUTOBACKUPDESC.INI"),
    reported("WB350F", "DLNA_WEB_ROOT", "SAMSUNGAutoBackupDESC.ini"),
    assumed("NX1"),
    assumed("NX20"),
    assumed("NX30"),
    assumed("NX210"),
    assumed("NX300M"),
    assumed("NX310"),
    assumed("NX1100"),
    assumed("NX2000"),
    assumed("NX3000"),
    assumed("NX3300"),
    assumed("NX mini"),
    assumed("SH100"),
    assumed("ST200F"),
    assumed("WB250F"),
    assumed("WB850F"),
];

impl Model {
    /// The model of this name: as on the camera, in whatever case, or as the
    /// card tells it (`SAMSUNG EX2`, `[Camera]NX500`).
    pub fn find(written: &str) -> Option<&'static Self> {
        let wanted = plain(written);
        let is_wanted = |model: &&Self| {
            let name = plain(model.name);
            name == wanted || name.strip_suffix('f') == Some(&wanted)
        };
        MODELS.iter().find(is_wanted)
    }
}

/// Letters and digits of a model's name, without the maker.
fn plain(name: &str) -> String {
    let lower = name.to_ascii_lowercase().replace("[camera]", "").replace("samsung", "");
    lower.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The model that a card's device file names: `BaseModelName` of most models,
/// `friendlyName` of the NX500. None if it says nothing.
pub fn named_by_card(device_file: &str) -> Option<String> {
    let base = device_file.split_once("<BaseModelName").and_then(|(_, rest)| {
        let (attributes, _) = rest.split_once('>')?;
        attributes.split(['"', '\'']).nth(1)
    });
    let friendly = device_file
        .split_once("<friendlyName>")
        .and_then(|(_, rest)| rest.split_once("</friendlyName>"))
        .map(|(name, _)| name);
    let name = base.or(friendly)?.trim();
    (!name.is_empty() && name.len() <= 64).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_five_lines_that_end_in_cr_lf_and_nothing_behind() {
        let pairing = Pairing {
            mac: Mac::parse("02-0:5e:10:20:30").unwrap(),
            udn: Udn::parse("uuid:4a682b0b-0361-dbae-6155-0123456789ab").unwrap(),
            name: "Afterimage".to_owned(),
        };
        let text = pairing.text();
        assert_eq!(
            text,
            "MacAddr=02:00:5E:10:20:30\r\nUDN=uuid:4a682b0b-0361-dbae-6155-0123456789ab\r\n\
             friendlyName=Afterimage\r\nWOLSupport=1\r\nServerFlag=1\r\n"
        );
        assert_eq!(Pairing::parse(&text), Some(pairing));
        assert_eq!(Pairing::parse(&text.replace('\r', "")), None, "a camera does not take LF");
    }

    #[test]
    fn an_installation_keeps_its_udn_and_no_other_has_it() {
        let udn = Udn::of_installation("secret");
        assert_eq!(udn, Udn::of_installation("secret"));
        assert_ne!(udn, Udn::of_installation("other"));
        assert_eq!(udn.as_str().len(), "uuid:".len() + 36);
        assert!(udn.as_str().starts_with("uuid:4a682b0b-0361-dbae-6155-"), "{udn}");
        assert!(Mac::of_installation("secret").is_of_a_card());
    }

    #[test]
    fn a_mac_has_six_pairs() {
        assert_eq!(Mac::parse("a0:21:95:00:00:01").unwrap().to_string(), "A0:21:95:00:00:01");
        for wrong in ["", "a0:21:95:00:00", "a0:21:95:00:00:01:02", "a0:21:95:00:00:+1", "g0:::::"]
        {
            assert_eq!(Mac::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_model_is_found_by_what_its_card_or_its_owner_calls_it() {
        for (written, name) in [
            ("SAMSUNG NX1000", "NX1000"),
            ("SAMSUNG EX2", "EX2F"),
            ("SAMSUNG WB150", "WB150F"),
            ("[Camera]NX500", "NX500"),
            ("nxmini", "NX mini"),
            ("nx300", "NX300"),
        ] {
            assert_eq!(Model::find(written).unwrap().name, name, "{written}");
        }
        assert_eq!(Model::find("NX9000"), None);
        let device = "<device><BaseModelName value=\"SAMSUNG DV300\"/></device>";
        assert_eq!(named_by_card(device).as_deref(), Some("SAMSUNG DV300"));
        assert_eq!(
            named_by_card("<friendlyName>[Camera]NX500</friendlyName>").unwrap(),
            "[Camera]NX500"
        );
        assert_eq!(named_by_card("<BaseModelName value=\"\"/>"), None);
    }
}
