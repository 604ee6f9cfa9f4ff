//! `log`: what a guest says, by `log.write` or by printing.
//!
//! A guest's text is a stranger's: it is cut, counted and stripped of control
//! characters, so that it can neither fill the disk nor move the operator's
//! cursor. Lines over the quota are dropped and counted; printing far more
//! than that ends the call.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::HasSelf;
use wasmtime_wasi::cli::StdoutStream;

use super::call::{Guest, Interface};
use super::output::{Output, Tail, TooMuchPrinted};
use crate::contract::{self, log::Level};
use crate::text::clean;
use crate::upload::Delivery;

/// Target of the events that are a guest's lines.
pub const GUEST: &str = "guest";

/// Longest line, in bytes.
const LINE: usize = 8 << 10;
/// Lines of one call.
const LINES: usize = 200;
/// Bytes of all lines of one call.
const BYTES: usize = 256 << 10;
/// Bytes that a call may print, logged or not, before it is ended.
const PRINTED: usize = 1 << 20;
/// Bytes of standard error kept for a failure report.
const TAIL: usize = 4 << 10;

/// `log` for components.
pub(super) fn interface<G: Guest>() -> Interface<G> {
    Interface {
        name: "log",
        link: |linker| {
            contract::log::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut G| {
                &mut guest.capabilities().log
            })
        },
        grant: None,
    }
}

/// The log of one call. Clones share it.
#[derive(Clone)]
pub struct Log(Arc<Mutex<State>>);

struct State {
    delivery: Arc<Delivery>,
    lines: usize,
    bytes: usize,
    dropped: usize,
    printed: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: Tail,
}

impl Log {
    pub(super) fn new(delivery: Arc<Delivery>) -> Self {
        Self(Arc::new(Mutex::new(State {
            delivery,
            lines: 0,
            bytes: 0,
            dropped: 0,
            printed: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            tail: Tail::new(TAIL),
        })))
    }

    /// The guest's standard output: lines at `info`.
    pub fn stdout(&self) -> impl StdoutStream + 'static {
        self.output(Stream::Stdout)
    }

    /// The guest's standard error: lines at `info`, the last 4 KiB kept.
    pub fn stderr(&self) -> impl StdoutStream + 'static {
        self.output(Stream::Stderr)
    }

    fn output(&self, stream: Stream) -> impl StdoutStream + 'static {
        let log = self.clone();
        Output::new(move |bytes| {
            log.0.lock().unwrap_or_else(PoisonError::into_inner).print(stream, bytes)
        })
    }

    /// Writes what is left and returns the end of standard error.
    pub fn finish(&self) -> String {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(state.buffer(stream));
            if !rest.is_empty() {
                state.line(Level::Info, &String::from_utf8_lossy(&rest), &[]);
            }
        }
        if state.dropped > 0 {
            tracing::warn!(action = %state.delivery.action, "{} more lines dropped", state.dropped);
        }
        let tail = state.tail.take();
        String::from_utf8_lossy(&tail).trim().lines().map(clean).collect::<Vec<_>>().join("\n")
    }
}

impl State {
    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn print(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), TooMuchPrinted> {
        self.printed += bytes.len();
        if matches!(stream, Stream::Stderr) {
            self.tail.push(bytes);
        }
        if self.printed > PRINTED {
            return Err(TooMuchPrinted { limit: PRINTED });
        }
        let mut buffered = std::mem::take(self.buffer(stream));
        buffered.extend_from_slice(bytes);
        let mut rest = buffered.as_slice();
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.line(Level::Info, &String::from_utf8_lossy(&rest[..end]), &[]);
            rest = &rest[end + 1..];
        }
        if rest.len() >= LINE {
            self.line(Level::Info, &String::from_utf8_lossy(rest), &[]);
            rest = &[];
        }
        *self.buffer(stream) = rest.to_vec();
        Ok(())
    }

    fn line(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if message.trim().is_empty() && fields.is_empty() {
            return;
        }
        self.lines += 1;
        if self.lines > LINES || self.bytes > BYTES {
            self.dropped += 1;
            return;
        }
        let mut line = clean(&message[..message.floor_char_boundary(LINE)]).into_owned();
        for (name, value) in fields {
            if line.len() > LINE {
                break;
            }
            let value = &value[..value.floor_char_boundary(LINE)];
            line.push_str(&format!(" {}={:?}", clean(name), value));
        }
        line.truncate(line.floor_char_boundary(LINE));
        self.bytes += line.len();
        let Delivery { action, id, attempt, .. } = &*self.delivery;
        match level {
            Level::Trace => {
                tracing::trace!(target: GUEST, %action, delivery = id, attempt, "{line}")
            }
            Level::Debug => {
                tracing::debug!(target: GUEST, %action, delivery = id, attempt, "{line}")
            }
            Level::Info => {
                tracing::info!(target: GUEST, %action, delivery = id, attempt, "{line}")
            }
            Level::Warn => {
                tracing::warn!(target: GUEST, %action, delivery = id, attempt, "{line}")
            }
            Level::Error => {
                tracing::error!(target: GUEST, %action, delivery = id, attempt, "{line}")
            }
        }
    }
}

impl contract::log::Host for Log {
    async fn write(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.line(level, &message, &fields);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}
