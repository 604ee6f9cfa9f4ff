//! Files on their way to a browser: streamed, in parts where it asks for one.

use std::fs::File;
use std::io::{self, SeekFrom};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    HeaderValue,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::reply::{self, Body, Reply};

/// Read at once from the disk.
const CHUNK: usize = 64 << 10;

/// What a browser may show in place, by extension; everything else is offered
/// for download, whatever it says it is.
const SHOWN: [(&str, &str); 11] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("wav", "audio/wav"),
];

/// The media type of what may be shown in place.
pub fn shown_type(name: &str) -> Option<&'static str> {
    let extension = name.rsplit_once('.')?.1;
    SHOWN.iter().find_map(|(known, media)| known.eq_ignore_ascii_case(extension).then_some(*media))
}

/// The answer that holds `file`, or the part of it that `range` asks for. With
/// `download` it is to be kept under `name`.
///
/// # Errors
/// The disk's.
pub fn file(name: &str, file: File, range: Option<&str>, download: bool) -> io::Result<Reply> {
    let length = file.metadata()?.len();
    let (status, start, end) = match range.map(|range| part(range, length)) {
        Some(Part::Of(start, end)) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(Part::Outside) => {
            let mut none = reply::strangers(StatusCode::RANGE_NOT_SATISFIABLE, reply::full(""));
            let words = format!("bytes */{length}");
            none.headers_mut().insert(CONTENT_RANGE, HeaderValue::from_str(&words).map_err(other)?);
            return Ok(none);
        }
        // Several parts at once, or what is no range: all of it is right, too.
        Some(Part::Unknown) | None => (StatusCode::OK, 0, length),
    };
    let mut answer = reply::strangers(status, body(file, start, end - start));
    let headers = answer.headers_mut();
    let media = shown_type(name).unwrap_or("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    if status == StatusCode::PARTIAL_CONTENT {
        let words = format!("bytes {start}-{}/{length}", end - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::from_str(&words).map_err(other)?);
    }
    let way = match download || shown_type(name).is_none() {
        true => "attachment",
        false => "inline",
    };
    headers.insert(CONTENT_DISPOSITION, disposition(way, name)?);
    Ok(answer)
}

/// `way` and the file's name, in RFC 6266's form for every script.
///
/// # Errors
/// None that is known: what is written is ASCII.
pub fn disposition(way: &str, name: &str) -> io::Result<HeaderValue> {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    HeaderValue::from_str(&format!("{way}; filename*=UTF-8''{name}")).map_err(other)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

enum Part {
    /// From the first byte to the one behind the last.
    Of(u64, u64),
    /// Behind the end.
    Outside,
    /// Not understood.
    Unknown,
}

/// What of `length` bytes `range` means (RFC 9110, 14.1.2).
fn part(range: &str, length: u64) -> Part {
    let written = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = written else { return Part::Unknown };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= length => Part::Outside,
        (Ok(first), Ok(last)) if last >= first => Part::Of(first, length.min(last + 1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Part::Of(first, length),
        (Err(_), Ok(0)) if first.trim().is_empty() => Part::Outside,
        (Err(_), Ok(_)) if first.trim().is_empty() && length == 0 => Part::Outside,
        (Err(_), Ok(count)) if first.trim().is_empty() => {
            Part::Of(length.saturating_sub(count), length)
        }
        _ => Part::Unknown,
    }
}

/// `length` bytes of `file` from `start` on.
fn body(file: File, start: u64, length: u64) -> Body {
    struct Reading {
        file: tokio::fs::File,
        at: Option<u64>,
        left: u64,
    }
    let reading = Reading { file: tokio::fs::File::from_std(file), at: Some(start), left: length };
    let chunks = stream::try_unfold(reading, |mut reading| async move {
        if reading.left == 0 {
            return Ok(None);
        }
        if let Some(start) = reading.at.take() {
            reading.file.seek(SeekFrom::Start(start)).await?;
        }
        let want = usize::try_from(reading.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; want];
        let read = reading.file.read(&mut chunk).await?;
        if read == 0 {
            // It was cut while it was sent; the browser must not think it whole.
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        chunk.truncate(read);
        reading.left -= read as u64;
        Ok(Some((Frame::data(Bytes::from(chunk)), reading)))
    });
    StreamBody::new(chunks).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_they_say() {
        let read = |range| match part(range, 100) {
            Part::Of(start, end) => format!("{start}..{end}"),
            Part::Outside => "outside".to_owned(),
            Part::Unknown => "all".to_owned(),
        };
        for (range, meaning) in [
            ("bytes=0-9", "0..10"),
            ("bytes=90-", "90..100"),
            ("bytes=-10", "90..100"),
            ("bytes=-1000", "0..100"),
            ("bytes=50-1000", "50..100"),
            ("bytes=100-", "outside"),
            ("bytes=-0", "outside"),
            ("bytes=9-3", "all"),
            ("bytes=0-1,5-6", "all"),
            ("lines=1-2", "all"),
        ] {
            assert_eq!(read(range), meaning, "{range}");
        }
    }

    #[test]
    fn only_pictures_and_films_are_shown_in_place() {
        assert_eq!(shown_type("SAM_0001.JPG"), Some("image/jpeg"));
        for name in ["page.html", "drawing.svg", "photo.jpg.html", "noextension", "a.xhtml"] {
            assert_eq!(shown_type(name), None, "{name}");
        }
    }
}
