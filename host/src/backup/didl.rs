//! What a camera says of a file before it sends it, and what it hears: DIDL-Lite
//! of UPnP's ContentDirectory:1.

use crate::date::Date;
use crate::xml::Xml;

use super::soap::{self, escaped};

/// Longest texts that are kept, in bytes: a name, and the others.
const LONGEST_TITLE: usize = 1 << 10;
const LONGEST: usize = 256;

/// A file that a camera wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Name of the file, as the camera wrote it. Folders of the card do not
    /// travel, so the same name comes again.
    pub title: String,
    /// Day of the photo; none if the camera's is no day.
    pub date: Option<Date>,
    /// `object.item.imageItem`, or what the camera says.
    pub class: String,
    /// Length in bytes.
    pub size: u64,
    /// Third field of `protocolInfo`, the media type; may be `*` or empty.
    pub media_type: String,
    /// Fourth field, the DLNA profile; may hold `;`, may be empty.
    pub profile: String,
}

/// Why a file cannot be announced so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// XML of an attacker.
    #[error("the description of the file has {0}")]
    Refused(#[from] soap::Refused),
    /// No name, or one of a kilobyte.
    #[error("the description of the file has no name")]
    Title,
    /// No length, or none that a file can have.
    #[error("the description of the file has no length in bytes")]
    Size,
}

impl Object {
    /// Reads the text of `Elements`.
    ///
    /// # Errors
    /// It has no name, no length, or things that no camera sends.
    pub fn parse(elements: &str) -> Result<Self, BadMetadata> {
        soap::look_through(elements)?;
        let didl = Xml::new(elements);
        let text = |name: &str| didl.element(name).map(Xml::text).unwrap_or_default();
        let title = text("title");
        let title = title.trim();
        if title.is_empty() || title.len() > LONGEST_TITLE {
            return Err(BadMetadata::Title);
        }
        let size = didl.attribute("res", "size").ok_or(BadMetadata::Size)?;
        let size = size.trim();
        if !size.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadMetadata::Size);
        }
        let size = size.parse().map_err(|_| BadMetadata::Size)?;
        let protocol = didl.attribute("res", "protocolInfo").unwrap_or_default();
        let mut fields = protocol.trim().splitn(4, ':').skip(2);
        Ok(Self {
            title: title.to_owned(),
            date: Date::parse(&text("date")),
            class: one_line(&text("class")),
            size,
            media_type: one_line(fields.next().unwrap_or_default()),
            profile: one_line(fields.next().unwrap_or_default()),
        })
    }

    /// The text of `Result`: where the camera shall send the bytes.
    ///
    /// Resuming is not offered. The flags behind the camera's own profile are
    /// those that nine models are reported to accept.
    pub fn result(&self, id: &str, date: Date, import_uri: &str) -> String {
        let Self { class, size, media_type, profile, .. } = self;
        let or_any = |text: &str| escaped(if text.is_empty() { "*" } else { text }).into_owned();
        let (media_type, profile) = (or_any(media_type), or_any(profile));
        let class = if class.is_empty() { "object.item" } else { class };
        let class = escaped(class);
        format!(
            "<DIDL-Lite xmlns=\"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:upnp=\"urn:schemas-upnp-org:metadata-1-0/upnp/\" \
             xmlns:dlna=\"urn:schemas-dlna-org:metadata-1-0/\" xmlns:sec=\"http://www.sec.co.kr/\">\
             <item id=\"{id}\" parentID=\"UP_{date}\" restricted=\"0\" \
             dlna:dlnaManaged=\"00000004\"><dc:title></dc:title>\
             <res protocolInfo=\"http-get:*:{media_type}:{profile};DLNA.ORG_CI=0;\
             DLNA.ORG_FLAGS=00D00000000000000000000000000000\" importUri=\"{import_uri}\" \
             dlna:resumeUpload=\"0\" dlna:uploadedSize=\"0\" size=\"{size}\"></res>\
             <upnp:class>{class}</upnp:class></item></DIDL-Lite>"
        )
    }
}

fn one_line(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    let end = text.floor_char_boundary(LONGEST);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the shape that was published of two cameras.
    const PHOTO: &str = "<DIDL-Lite xmlns=\"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/\" \
        xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
        xmlns:upnp=\"urn:schemas-upnp-org:metadata-1-0/upnp/\" \
        xmlns:dlna = \"urn:schemas-dlna-org:metadata-1-0/\"><item id=\"\" restricted=\"0\" \
        parentID=\"DLNA.ORG_AnyContainer\" ><dc:title>SAM_0042.JPG</dc:title>\
        <dc:date>2014-06-01</dc:date><upnp:class>object.item.imageItem</upnp:class>\
        <res protocolInfo=\"*:*:image/jpeg:DLNA.ORG_PN=JPEG_LRG;DLNA.ORG_CI=0\" \
        size=\"4429673\" ></res></item></DIDL-Lite>";

    #[test]
    fn a_photo_is_announced_and_gets_its_place() {
        let photo = Object::parse(PHOTO).unwrap();
        assert_eq!(photo.title, "SAM_0042.JPG");
        assert_eq!(photo.date.unwrap().to_string(), "2014-06-01");
        assert_eq!((photo.size, photo.media_type.as_str()), (4_429_673, "image/jpeg"));
        let result = photo.result("UP_2014-06-01_k7Qm2ZtR4x", photo.date.unwrap(), "http://h/x");
        for part in [
            "<item id=\"UP_2014-06-01_k7Qm2ZtR4x\" parentID=\"UP_2014-06-01\" restricted=\"0\"",
            "protocolInfo=\"http-get:*:image/jpeg:DLNA.ORG_PN=JPEG_LRG;DLNA.ORG_CI=0;",
            "importUri=\"http://h/x\" dlna:resumeUpload=\"0\" dlna:uploadedSize=\"0\"",
            "size=\"4429673\"",
        ] {
            assert!(result.contains(part), "{part} in {result}");
        }
        assert_eq!(soap::look_through(&result), Ok(()));
    }

    #[test]
    fn other_layouts_are_understood() {
        let lines = PHOTO.replace("><", ">\r\n  <");
        assert_eq!(Object::parse(&lines), Object::parse(PHOTO));
        let single = PHOTO.replace('"', "'").replace("dc:", "x:");
        assert_eq!(Object::parse(&single), Object::parse(PHOTO));
        let bare = Object::parse("<title>A&amp;B.MP4</title><res size=\"3221225477\"/>").unwrap();
        assert_eq!((bare.title.as_str(), bare.size), ("A&B.MP4", 3_221_225_477));
        assert_eq!((bare.date, bare.media_type.as_str()), (None, ""));
        let any = bare.result("i", Date::parse("2014-06-01").unwrap(), "u");
        assert!(any.contains("http-get:*:*:*;"), "{any}");
    }

    #[test]
    fn what_makes_no_sense_is_bad_metadata() {
        for size in ["-1", "10.0", "99999999999999999999", "", "+5", "0x10"] {
            let wrong = PHOTO.replace("4429673", size);
            assert_eq!(Object::parse(&wrong), Err(BadMetadata::Size), "{size:?}");
        }
        assert_eq!(Object::parse(&PHOTO.replace(" size=", " x=")), Err(BadMetadata::Size));
        assert_eq!(Object::parse(&PHOTO.replace("SAM_0042.JPG", " ")), Err(BadMetadata::Title));
        assert_eq!(Object::parse(""), Err(BadMetadata::Title));
        let external = format!("<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{PHOTO}");
        assert!(matches!(Object::parse(&external), Err(BadMetadata::Refused(_))));
    }

    #[test]
    fn nothing_of_a_camera_gets_out_of_its_attribute() {
        let hostile = PHOTO.replace("image/jpeg", "image/jpeg&quot; evil=&quot;&lt;x>");
        let result =
            Object::parse(&hostile).unwrap().result("i", Date::parse("2014-06-01").unwrap(), "u");
        assert!(result.contains("image/jpeg&quot; evil=&quot;&lt;x&gt;"), "{result}");
    }
}
