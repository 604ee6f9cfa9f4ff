//! The body of a request, as it comes: within deadlines and limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming as HttpBody};
use tokio::time::Instant;

use super::multipart::Chunks;
use super::reply::Refused;
use super::settings::{Limits, Settings};
use super::xml;
use crate::spool::FreeSpace;

/// Free space is looked at again after so many bytes.
const LOOK_AGAIN: u64 = 64 << 20;

/// Largest XML body, in bytes. The largest known has 700.
const LARGEST_TEXT: usize = 64 << 10;

/// A request's body.
pub(crate) struct Body<'a> {
    body: HttpBody,
    begun: Instant,
    received: u64,
    largest: u64,
    limits: Limits,
    /// How far there is room for sure.
    room_until: u64,
    /// Where it goes; none for what is not kept.
    free_space: Option<&'a FreeSpace>,
}

impl<'a> Body<'a> {
    /// # Errors
    /// The camera said how much will come, and that is too much.
    pub(super) async fn open(body: HttpBody, settings: &'a Settings) -> Result<Self, Refused> {
        let Settings { limits, largest_upload, free_space, .. } = settings;
        Self::within(body, *limits, *largest_upload, Some(free_space)).await
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
        let begun = Instant::now();
        let mut body =
            Self { body, begun, received: 0, largest, limits, room_until: 0, free_space };
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
            bytes.extend_from_slice(&chunk);
        }
        Ok(xml::decode(&bytes, None).into_owned())
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
}

/// Whether so many bytes in this time are less than any camera's network
/// brings.
fn is_too_slow(limits: &Limits, received: u64, time: Duration) -> bool {
    let needed = limits.slowest.saturating_mul(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    time > limits.slow_after && received < needed / 1000
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
            self.received += data.len() as u64;
            self.check_size(self.received)?;
            if is_too_slow(&self.limits, self.received, self.begun.elapsed()) {
                return Err(Refused::TooSlow);
            }
            if self.received > self.room_until {
                self.check_room(LOOK_AGAIN).await?;
            }
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_a_second_is_too_slow_and_2g_is_not() {
        let is_too_slow = |received, seconds| {
            is_too_slow(&Limits::default(), received, Duration::from_secs(seconds))
        };
        assert!(is_too_slow(60, 60));
        assert!(!is_too_slow(10, 10), "may just have begun");
        assert!(!is_too_slow(5_000 * 60, 60));
        assert!(is_too_slow(5_000 * 60, 3600), "stopped after a minute");
    }
}
