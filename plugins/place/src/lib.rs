//! Takes the place where a picture or a video was taken out of its file.
//!
//! Nobody can list all the ways in which a file may tell a place: new ones are
//! made each year. So this is turned round: **what is known to be harmless
//! stays, everything else goes**, and a file that is not understood is refused
//! whole. Pictures and sound are never decoded or encoded; their bytes stay
//! what they are.
//!
//! Works on anything that can be read and sought. What leaves is a plan of
//! [`Piece`]s, most of them ranges of the file, so that a video of gigabytes
//! needs no memory.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod jpeg;
mod mp4;
mod plan;
mod source;

use std::io::{self, Read, Seek};

pub use plan::{Piece, write};
use source::Source;

/// Media types of files that can leave without their place.
const READABLE: [&str; 7] = [
    "image/jpeg",
    "image/jpg",
    "image/pjpeg",
    "video/mp4",
    "video/quicktime",
    "video/3gpp",
    "video/x-m4v",
];

/// The same, where the media type tells nothing.
const EXTENSIONS: [&str; 7] = ["jpg", "jpeg", "jpe", "mp4", "mov", "m4v", "3gp"];

/// Why a file cannot leave.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It could not be read; later it may be.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not, or not wholly, understood.
    #[error("{0}")]
    NotUnderstood(String),
}

impl Refused {
    fn because(why: impl Into<String>) -> Self {
        Self::NotUnderstood(why.into())
    }
}

/// The pieces of what leaves in place of `file`: a JPEG or an MP4 (QuickTime)
/// file without place. Which of them it is, its bytes tell; cameras call a
/// video a picture.
///
/// # Errors
/// It cannot be read, is something else, or is not understood.
pub fn strip(file: impl Read + Seek) -> Result<Vec<Piece>, Refused> {
    let mut source = Source::new(file)?;
    if source.is_empty() {
        return Err(Refused::because("it is empty"));
    }
    if source.starts_with(&[0xff, 0xd8])? {
        return jpeg::strip(&mut source);
    }
    match source.kind_of_first_box()? {
        Some(kind) if mp4::is_first(&kind) => mp4::strip(&mut source),
        _ => Err(Refused::because("it is neither a JPEG picture nor an MP4 video")),
    }
}

/// Whether a file of this media type and name may be one that [`strip`] takes,
/// for those that have no bytes yet.
pub fn may_leave(media_type: &str, name: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match media_type.as_str() {
        "" | "application/octet-stream" => {
            extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
        }
        media_type => READABLE.contains(&media_type),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn kinds_that_cannot_be_treated_are_known_before_their_bytes_are_there() {
        for (media_type, name) in [
            ("image/jpeg", "A.JPG"),
            ("Image/JPEG; charset=binary", "A"),
            ("video/mp4", "A.MP4"),
            ("application/octet-stream", "A.mov"),
        ] {
            assert!(may_leave(media_type, name), "{media_type} {name}");
        }
        for (media_type, name) in [
            ("image/png", "A.PNG"),
            ("image/webp", "A.JPG"),
            ("image/tiff", "A.TIF"),
            ("image/x-samsung-srw", "A.SRW"),
            ("image/heic", "A.HEIC"),
            ("application/octet-stream", "A.SRW"),
            ("application/octet-stream", "photo"),
        ] {
            assert!(!may_leave(media_type, name), "{media_type} {name}");
        }
    }

    #[test]
    fn what_is_neither_picture_nor_video_is_refused() {
        for bytes in [&b""[..], b"x", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"II*\0\x08\0\0\0"]
        {
            assert!(matches!(strip(Cursor::new(bytes)), Err(Refused::NotUnderstood(_))));
        }
    }
}
