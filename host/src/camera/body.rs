//! The body of a request, as it comes: within deadlines and limits.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body as _, Incoming as HttpBody};
use hyper::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName};
use tokio::time::Instant;

use super::multipart::{self, Chunks, Lacks};
use super::reply::Refused;
use super::settings::{Limits, Settings};
use super::wire::{Found, Surplus};
use crate::spool::FreeSpace;
use crate::xml;

/// Free space is looked at again after so many bytes.
const LOOK_AGAIN: u64 = 64 << 20;

/// Largest XML body, in bytes. The largest known has 700.
const LARGEST_TEXT: usize = 64 << 10;

/// A request's body.
pub(crate) struct Body<'a> {
    body: HttpBody,
    /// The encoding that the request says its text is in.
    charset: Option<String>,
    begun: Instant,
    received: u64,
    largest: u64,
    limits: Limits,
    /// How far there is room for sure.
    room_until: u64,
    /// Where it goes; none for what is not kept.
    free_space: Option<&'a FreeSpace>,
    /// What stands behind the end that the head told of.
    surplus: Option<Surplus>,
    /// Whether some of that was taken.
    in_surplus: bool,
}

impl<'a> Body<'a> {
    /// # Errors
    /// The camera said how much will come, and that is too much; or that it is
    /// a part of something.
    pub(super) async fn open(
        mut request: Request<HttpBody>,
        settings: &'a Settings,
    ) -> Result<Self, Refused> {
        let surplus = request.extensions_mut().remove();
        let announced = request.body().size_hint().exact();
        let content_type = header(request.headers(), &CONTENT_TYPE);
        if let Some(range) = header(request.headers(), &CONTENT_RANGE) {
            check_range(&range, announced)?;
        }
        let Settings { limits, largest_upload, free_space, .. } = settings;
        let body = request.into_body();
        let mut body = Self::within(body, *limits, *largest_upload, Some(free_space)).await?;
        body.charset = content_type.and_then(|header| multipart::parameter(&header, "charset"));
        body.surplus = surplus;
        Ok(body)
    }

    /// The same within other settings; without `free_space` it is not kept.
    ///
    /// # Errors
    /// The camera said how much will come, and that is too much.
    pub(crate) async fn within(
        body: HttpBody,
        limits: Limits,
        largest: u64,
        free_space: Option<&'a FreeSpace>,
    ) -> Result<Self, Refused> {
        let announced = body.size_hint().exact();
        let mut body = Self {
            body,
            charset: None,
            begun: Instant::now(),
            received: 0,
            largest,
            limits,
            room_until: 0,
            free_space,
            surplus: None,
            in_surplus: false,
        };
        body.check_size(announced.unwrap_or(0))?;
        body.check_room(announced.unwrap_or(LOOK_AGAIN)).await?;
        Ok(body)
    }

    /// The whole body, which should be XML.
    ///
    /// # Errors
    /// It is larger than any camera's, or does not come to its end.
    pub(super) async fn text(mut self) -> Result<String, Refused> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next().await? {
            if bytes.len() + chunk.len() > LARGEST_TEXT {
                return Err(Refused::TooLarge(LARGEST_TEXT as u64));
            }
            // No more than there is, of hundreds who may send such at once.
            bytes.reserve_exact(chunk.len());
            bytes.extend_from_slice(&chunk);
        }
        Ok(xml::decode(&bytes, self.charset.as_deref()).into_owned())
    }

    fn check_size(&self, bytes: u64) -> Result<(), Refused> {
        if bytes > self.largest { Err(Refused::TooLarge(self.largest)) } else { Ok(()) }
    }

    async fn check_room(&mut self, coming: u64) -> Result<(), Refused> {
        let Some(free_space) = self.free_space else {
            self.room_until = u64::MAX;
            return Ok(());
        };
        match free_space.has_room(coming).await {
            Ok(true) => {
                self.room_until = self.received + coming.max(LOOK_AGAIN);
                Ok(())
            }
            Ok(false) => Err(Refused::Full),
            Err(error) => Err(Refused::Disk(error.to_string())),
        }
    }

    async fn count(&mut self, data: &Bytes) -> Result<(), Refused> {
        self.received += data.len() as u64;
        self.check_size(self.received)?;
        if self.limits.is_too_slow(self.received, self.begun.elapsed()) {
            return Err(Refused::TooSlow);
        }
        if self.received > self.room_until {
            self.check_room(LOOK_AGAIN).await?;
        }
        Ok(())
    }
}

/// The text of a header, whatever its bytes.
pub(super) fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Half a photo must never be taken for a whole one. Nobody has seen a camera
/// go on with the other half, so only a range that is everything is taken.
fn check_range(range: &str, length: Option<u64>) -> Result<(), Refused> {
    let whole = || {
        let (unit, range) = range.trim().split_once([' ', '='])?;
        let (place, whole) = range.trim().split_once('/')?;
        let (first, last) = place.split_once('-')?;
        let end = last.trim().parse::<u64>().ok()?.checked_add(1)?;
        let known = matches!(whole.trim(), "*") || whole.trim().parse() == Ok(end);
        let is_whole = known && first.trim() == "0" && length.is_none_or(|length| length == end);
        (is_whole && unit.eq_ignore_ascii_case("bytes")).then_some(())
    };
    whole().ok_or_else(|| Refused::Part(range.to_owned()))
}

impl Chunks for Body<'_> {
    type Error = Refused;

    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            let frame = tokio::time::timeout(self.limits.silence, self.body.frame());
            let data = match frame.await.map_err(|_| Refused::Incomplete)? {
                None => return Ok(None),
                Some(Err(_)) => return Err(Refused::Incomplete),
                Some(Ok(frame)) => frame.into_data(),
            };
            // Trailers are of no interest.
            let Ok(data) = data else { continue };
            self.count(&data).await?;
            return Ok(Some(data));
        }
    }

    async fn more(&mut self, lacks: Lacks) -> Result<Option<Bytes>, Refused> {
        let Some(surplus) = &mut self.surplus else { return Ok(None) };
        if lacks == Lacks::Nothing && !surplus.begins_with_headers() {
            return Ok(None);
        }
        match surplus.next(!self.in_surplus).await {
            Ok(Found::Bytes(data)) => {
                if !self.in_surplus {
                    tracing::info!("a body goes on behind its Content-Length");
                }
                self.in_surplus = true;
                self.count(&data).await?;
                Ok(Some(data))
            }
            Ok(Found::End) => Ok(None),
            // More came than was announced, and not all of it.
            Ok(Found::Silence) if self.in_surplus => Err(Refused::Incomplete),
            Ok(Found::Silence) => Ok(None),
            Err(_) => Err(Refused::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_taken_if_it_is_everything() {
        for range in ["bytes 0-791/792", "Bytes=0-791/*", " bytes 0-791/792 "] {
            assert!(check_range(range, Some(792)).is_ok(), "{range}");
        }
        for range in [
            "bytes 396-791/792",
            "bytes 0-395/792",
            "bytes 0-791/793",
            "bytes */792",
            "items 0-791/792",
            "bytes 0-18446744073709551615/*",
            "",
        ] {
            assert!(check_range(range, Some(792)).is_err(), "{range}");
        }
        assert!(check_range("bytes 0-791/792", Some(396)).is_err());
        assert!(check_range("bytes 0-791/792", None).is_ok());
    }
}
