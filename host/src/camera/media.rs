//! What a file is: by its first bytes, by what the camera says of it, by its
//! name; and a name whose extension fits.

use super::reply::Refused;
use crate::file_name;

/// What a file is stored as.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// Safe, with an extension that fits the type, or that of a picture or film
    /// that the camera gave it.
    pub(super) name: String,
    /// The media type that others understand (`protocol.md` 2, D20).
    pub(super) content_type: String,
}

impl Media {
    /// Of a file that a camera calls `name` and `content_type` and that begins
    /// with `begin`.
    ///
    /// # Errors
    /// The name points upwards.
    pub(super) fn new(
        name: &str,
        content_type: Option<&str>,
        begin: &[u8],
    ) -> Result<Self, Refused> {
        let safe = safe_name(name)?;
        let extension = extension(&safe);
        let content_type = media_type(content_type, extension.as_deref(), begin);
        let base = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        let stem = base.trim_start_matches('.');
        // `...JPG` is no name, but for `.holiday` it is.
        let is_nameless = stem.is_empty() || (stem.len() < base.len() && is_known(stem));
        let name = if is_nameless {
            let kind = content_type.split('/').next().unwrap_or_default();
            let stem = match kind {
                "image" => "photo",
                "video" => "video",
                "audio" => "sound",
                _ => "file",
            };
            format!("{stem}.{}", usual_extension(&content_type))
        } else if extension.is_some_and(|extension| {
            // The camera's own word for a picture or a film stays: its owner
            // looks for the name that the camera shows.
            is_known(&extension) || fits(&content_type, &extension)
        }) {
            safe
        } else {
            safe_name(&format!("{safe}.{}", usual_extension(&content_type)))?
        };
        Ok(Self { name, content_type })
    }
}

/// The name under which a file may be kept.
///
/// # Errors
/// It points upwards.
pub(super) fn safe_name(name: &str) -> Result<String, Refused> {
    file_name::safe(name).ok_or_else(|| Refused::malformed("Bad file name"))
}

/// Whether a `Content-Type` is that of a photo, a video or a sound.
pub(super) fn is_media(content_type: &str) -> bool {
    plausible(&bare(content_type))
}

/// Types with their extensions, the usual one first. The first type of an
/// extension is what a file of unknown type is taken for.
const TYPES: [(&str, &[&str]); 23] = [
    ("image/jpeg", &["jpg", "jpeg", "jpe", "jfif", "mpo", "jps", "thm"]),
    ("image/png", &["png"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/bmp", &["bmp"]),
    ("image/heic", &["heic", "heif", "hif"]),
    ("image/avif", &["avif"]),
    ("image/x-samsung-srw", &["srw"]),
    ("image/x-adobe-dng", &["dng"]),
    ("image/tiff", &["tif", "tiff", "srw", "dng"]),
    ("video/mp4", &["mp4", "m4v", "mp4v"]),
    ("video/quicktime", &["mov", "qt"]),
    ("video/3gpp", &["3gp", "3g2", "3gpp"]),
    ("video/x-msvideo", &["avi"]),
    ("video/mpeg", &["mpg", "mpeg", "vob", "m2v"]),
    ("video/mp2t", &["mts", "m2ts", "ts"]),
    ("video/webm", &["webm"]),
    ("video/x-matroska", &["mkv"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/mp4", &["m4a"]),
    ("audio/wav", &["wav"]),
    ("audio/ogg", &["ogg", "oga"]),
    ("application/octet-stream", &["bin"]),
];

/// What the first bytes of a file show it to be.
pub(super) fn by_content(begin: &[u8]) -> Option<&'static str> {
    Some(match begin {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, kind @ ..] => match kind.get(..4)? {
            b"WEBP" => "image/webp",
            b"AVI " => "video/x-msvideo",
            b"WAVE" => "audio/wav",
            _ => return None,
        },
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => "image/tiff",
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"qt  " => "video/quicktime",
            b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc" => "image/heic",
            b"avif" | b"avis" => "image/avif",
            b"M4A " => "audio/mp4",
            [b'3', b'g', ..] => "video/3gpp",
            _ => "video/mp4",
        },
        [0, 0, 1, 0xba | 0xb3, ..] => "video/mpeg",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/x-matroska",
        [b'I', b'D', b'3', ..] => "audio/mpeg",
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        _ => return None,
    })
}

fn media_type(sent: Option<&str>, extension: Option<&str>, begin: &[u8]) -> String {
    let sent = sent.map(bare).unwrap_or_default();
    let by_name = extension.and_then(|extension| {
        let type_of = |(name, extensions): &(&'static str, &[&str])| {
            extensions.contains(&extension).then_some(*name)
        };
        TYPES.iter().find_map(type_of)
    });
    let found = by_content(begin);
    let found = match (found, by_name) {
        // Raw photos are TIFF, and so are others that have a name of their own.
        (Some("image/tiff"), Some(named @ ("image/x-samsung-srw" | "image/x-adobe-dng"))) => named,
        (Some("image/tiff"), _) if plausible(&sent) && sent != "image/jpeg" => return sent,
        (Some("video/x-matroska"), Some("video/webm")) => "video/webm",
        (Some(found), _) => found,
        _ if plausible(&sent) => return sent,
        (None, named) => named.unwrap_or("application/octet-stream"),
    };
    found.to_owned()
}

/// A type without parameters, by its usual name.
fn bare(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match bare.as_str() {
        "image/pjpeg" | "image/jpg" | "image/x-jpeg" => "image/jpeg".to_owned(),
        _ => bare,
    }
}

fn plausible(content_type: &str) -> bool {
    content_type.split_once('/').is_some_and(|(kind, subtype)| {
        ["image", "video", "audio"].contains(&kind)
            && !subtype.is_empty()
            && subtype.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

fn extension(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())
}

fn is_known(extension: &str) -> bool {
    let extension = extension.to_ascii_lowercase();
    TYPES.iter().any(|(_, extensions)| extensions.contains(&extension.as_str()))
}

/// Whether a file of this type may have this extension: any if nothing is
/// known of the type.
fn fits(content_type: &str, extension: &str) -> bool {
    match TYPES.iter().find(|(name, _)| *name == content_type) {
        Some(("application/octet-stream", _)) => !extension.is_empty(),
        Some((_, extensions)) => extensions.contains(&extension),
        None => !extension.is_empty(),
    }
}

fn usual_extension(content_type: &str) -> &'static str {
    let known = TYPES.iter().find(|(name, _)| *name == content_type);
    known.map_or("bin", |(_, extensions)| extensions[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0";

    fn media(name: &str, content_type: &str, begin: &[u8]) -> (String, String) {
        let media = Media::new(name, Some(content_type), begin).unwrap();
        (media.name, media.content_type)
    }

    #[test]
    fn media_types_are_those_that_others_understand() {
        for (sent, name, begin, expected) in [
            ("image/pjpeg", "A.JPG", &b"x"[..], "image/jpeg"),
            ("video/mp4;", "A.MP4", b"x", "video/mp4"),
            ("", "A.JPG", b"x", "image/jpeg"),
            ("text/html", "A.SRW", b"x", "image/x-samsung-srw"),
            ("text/html", "A.XYZ", b"x", "application/octet-stream"),
            ("image/jpeg", "A.SRW", b"II*\0", "image/x-samsung-srw"),
            ("image/jpeg", "A", b"\x89PNG", "image/png"),
            ("", "A", b"\0\0\0\x18ftypqt  ", "video/quicktime"),
            ("image/x-foo", "A", b"x", "image/x-foo"),
        ] {
            assert_eq!(media(name, sent, begin).1, expected, "{sent} {name}");
        }
    }

    #[test]
    fn every_file_has_an_extension_that_fits_its_type() {
        for (name, sent, expected) in [
            ("SAM_0042.JPG", "image/jpeg", "SAM_0042.JPG"),
            ("3D.MPO", "image/jpeg", "3D.MPO"),
            ("SAM_0042", "image/jpeg", "SAM_0042.jpg"),
            ("notes.txt", "image/jpeg", "notes.txt.jpg"),
            ("A.MP4", "image/jpeg", "A.MP4"),
            ("", "image/jpeg", "photo.jpg"),
            ("...JPG", "image/jpeg", "photo.jpg"),
            ("DCIM\\.jpg", "image/jpeg", "photo.jpg"),
            ("...", "video/mp4", "video.mp4"),
            (".holiday", "image/jpeg", "holiday.jpg"),
            ("JPG", "image/jpeg", "JPG.jpg"),
            ("여름.JPG", "image/jpeg", "여름.JPG"),
            ("", "", "file.bin"),
            ("A.XYZ", "", "A.XYZ"),
        ] {
            assert_eq!(media(name, sent, b"x").0, expected, "{name:?}");
        }
        assert_eq!(media("A.PNG", "image/png", JPEG), ("A.PNG".into(), "image/jpeg".into()));
        assert_eq!(media("A.HTML", "text/html", JPEG), ("A.HTML.jpg".into(), "image/jpeg".into()));
        let long = media(&"ä".repeat(300), "image/jpeg", JPEG).0;
        assert!(long.ends_with("ä.jpg") && file_name::is_safe(&long), "{long}");
        assert!(Media::new("../../x.jpg", None, JPEG).is_err());
    }
}
