//! What comes behind the end that the head of a request told of.
//!
//! Firmware that counts too little (the closing boundary left out, a text
//! longer than it thought) sends the rest all the same. It is kept apart from
//! the body, and whoever sees that the body lacks its end may ask for it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use super::Watched;

/// The first of a surplus comes with the body, or never.
const FIRST: Duration = Duration::from_millis(300);

/// It goes on without a longer gap.
const GAP: Duration = Duration::from_secs(2);

/// Read at once.
const PIECE: usize = 64 << 10;

/// The bytes behind a body.
#[derive(Clone)]
pub(crate) struct Surplus {
    /// What came together with the head.
    early: Arc<Mutex<Option<Bytes>>>,
    source: Watched,
}

/// What was found behind a body.
pub(crate) enum Found {
    /// More bytes.
    Bytes(Bytes),
    /// The camera has ended its side.
    End,
    /// Nothing, for now.
    Silence,
}

impl Surplus {
    pub(super) fn new(early: Bytes, source: Watched) -> Self {
        let early = Some(early).filter(|early| !early.is_empty());
        Self { early: Arc::new(Mutex::new(early)), source }
    }

    /// The next bytes; `is_first` tells that none were asked for before.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) async fn next(&mut self, is_first: bool) -> io::Result<Found> {
        if let Some(early) = self.take() {
            return Ok(Found::Bytes(early));
        }
        let mut bytes = BytesMut::with_capacity(PIECE);
        let wait = if is_first { FIRST } else { GAP };
        match tokio::time::timeout(wait, self.source.read_buf(&mut bytes)).await {
            Err(_) => Ok(Found::Silence),
            Ok(length) => Ok(match length? {
                0 => Found::End,
                _ => Found::Bytes(bytes.freeze()),
            }),
        }
    }

    /// Whether the headers of another part stand there, without waiting.
    pub(crate) fn begins_with_headers(&mut self) -> bool {
        let mut bytes = self.take().unwrap_or_else(|| {
            let mut bytes = BytesMut::with_capacity(PIECE);
            // Nothing there is no error here.
            let _ = self.source.read_now(&mut bytes);
            bytes.freeze()
        });
        let begin = bytes.split_to(bytes.len().min(8));
        let found = begin.eq_ignore_ascii_case(b"content-");
        let all = [begin, bytes].concat().into();
        self.put_back(all);
        found
    }

    /// What came together with the head.
    pub(crate) fn take(&self) -> Option<Bytes> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put_back(&self, bytes: Bytes) {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        *self.early.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }
}
