//! `log`: what a guest says, by `log.write` or by printing.
//!
//! A guest's text is a stranger's: it is cut, counted and stripped of control
//! characters, so that it can neither fill the disk nor move the operator's
//! cursor. Lines over the quota are dropped and counted; printing far more
//! than that ends the call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::contract::{self, log::Level};
use crate::plugin::Exceeded;
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
    tail: VecDeque<u8>,
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
            tail: VecDeque::new(),
        })))
    }

    /// The guest's standard output: lines at `debug`.
    pub fn stdout(&self) -> impl StdoutStream + 'static {
        Printer { log: self.clone(), stream: Stream::Stdout }
    }

    /// The guest's standard error: lines at `info`, the last 4 KiB kept.
    pub fn stderr(&self) -> impl StdoutStream + 'static {
        Printer { log: self.clone(), stream: Stream::Stderr }
    }

    /// Writes what is left and returns the end of standard error.
    pub fn finish(&self) -> String {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(state.buffer(stream));
            if !rest.is_empty() {
                state.line(stream.level(), &String::from_utf8_lossy(&rest), &[]);
            }
        }
        if state.dropped > 0 {
            tracing::warn!(action = %state.delivery.action, "{} more lines dropped", state.dropped);
        }
        let tail: Vec<u8> = std::mem::take(&mut state.tail).into();
        String::from_utf8_lossy(&tail).trim().lines().map(printable).collect::<Vec<_>>().join("\n")
    }
}

impl State {
    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn print(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Exceeded> {
        self.printed += bytes.len();
        if matches!(stream, Stream::Stderr) {
            self.tail.extend(&bytes[bytes.len().saturating_sub(TAIL)..]);
            let surplus = self.tail.len().saturating_sub(TAIL);
            self.tail.drain(..surplus);
        }
        if self.printed > PRINTED {
            return Err(Exceeded::Output { limit: PRINTED });
        }
        let mut buffered = std::mem::take(self.buffer(stream));
        buffered.extend_from_slice(bytes);
        let mut rest = buffered.as_slice();
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.line(stream.level(), &String::from_utf8_lossy(&rest[..end]), &[]);
            rest = &rest[end + 1..];
        }
        if rest.len() >= LINE {
            self.line(stream.level(), &String::from_utf8_lossy(rest), &[]);
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
        let mut line = printable(&message[..message.floor_char_boundary(LINE)]);
        for (name, value) in fields {
            if line.len() > LINE {
                break;
            }
            let value = &value[..value.floor_char_boundary(LINE)];
            line.push_str(&format!(" {}={:?}", printable(name), value));
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

/// `text` without characters that act on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
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

impl Stream {
    fn level(self) -> Level {
        match self {
            Self::Stdout => Level::Debug,
            Self::Stderr => Level::Info,
        }
    }
}

#[derive(Clone)]
struct Printer {
    log: Log,
    stream: Stream,
}

impl IsTerminal for Printer {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printer {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printer {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        let mut state = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.print(self.stream, &bytes).map_err(|exceeded| StreamError::Trap(exceeded.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {}
}
