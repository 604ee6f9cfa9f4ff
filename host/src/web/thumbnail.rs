//! Small pictures: the one that a camera put into its photo, by copying bytes.
//! Nothing is decoded here, since a stranger's bytes are in it.

use std::fs::File;
use std::io::{Cursor, Read as _};

use exif::{In, Tag};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::reply::{self, Reply};
use super::send;

/// Photos up to this size are small enough as they are, in bytes.
const SMALL: u64 = 256 << 10;

/// Shown where there is no small picture.
const PHOTO: &[u8] = include_bytes!("assets/photo.svg");
const FILM: &[u8] = include_bytes!("assets/film.svg");

/// The small picture of `file`.
pub async fn of(name: String, file: File) -> Reply {
    let made = tokio::task::spawn_blocking(move || find(&name, file));
    let (media, bytes) = made.await.ok().flatten().unwrap_or(("image/svg+xml", Small::Ours(PHOTO)));
    let mut answer = match bytes {
        Small::Copied(bytes) => reply::strangers(StatusCode::OK, reply::full(bytes)),
        Small::Ours(bytes) => reply::asset(media, bytes),
    };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    kept(answer)
}

enum Small {
    Copied(Vec<u8>),
    Ours(&'static [u8]),
}

fn kept(mut answer: Reply) -> Reply {
    let week = HeaderValue::from_static("private, max-age=604800");
    answer.headers_mut().insert(CACHE_CONTROL, week);
    answer
}

fn find(name: &str, file: File) -> Option<(&'static str, Small)> {
    let media = send::shown_type(name)?;
    if media.starts_with("video/") {
        return Some(("image/svg+xml", Small::Ours(FILM)));
    }
    let length = file.metadata().ok()?.len();
    if length <= SMALL {
        let mut bytes = Vec::new();
        file.take(SMALL).read_to_end(&mut bytes).ok()?;
        return Some((media, Small::Copied(bytes)));
    }
    if media != "image/jpeg" {
        return None;
    }
    // The block stands in front; a file that is none ends the search early.
    let mut front = Vec::new();
    file.take(SMALL).read_to_end(&mut front).ok()?;
    let block = exif::Reader::new().read_from_container(&mut Cursor::new(front)).ok()?;
    let number = |tag| block.get_field(tag, In::THUMBNAIL)?.value.get_uint(0);
    let start = usize::try_from(number(Tag::JPEGInterchangeFormat)?).ok()?;
    let length = usize::try_from(number(Tag::JPEGInterchangeFormatLength)?).ok()?;
    let bytes = block.buf().get(start..start.checked_add(length)?)?;
    bytes.starts_with(&[0xff, 0xd8]).then(|| ("image/jpeg", Small::Copied(bytes.to_vec())))
}
