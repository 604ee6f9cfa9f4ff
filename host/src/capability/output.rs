//! What guests and commands print: a stream for WASI that hands every piece
//! on, and the end of an output, which is mostly where the cause stands.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Bytes that a guest may write at once.
const PIECE: usize = 64 << 10;

/// A guest printed more than it may. The text names the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("output: printed more than {} KiB", limit >> 10)]
pub struct TooMuchPrinted {
    /// In bytes.
    pub limit: usize,
}

/// A standard output that gives every piece to a function.
#[derive(Clone)]
pub struct Output<F>(F);

impl<F> Output<F>
where
    F: Fn(&[u8]) -> Result<(), TooMuchPrinted> + Clone + Send + Sync + 'static,
{
    /// Gives every piece to `print`; the guest ends when that fails.
    pub fn new(print: F) -> Self {
        Self(print)
    }
}

impl<F> IsTerminal for Output<F> {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl<F> StdoutStream for Output<F>
where
    F: Fn(&[u8]) -> Result<(), TooMuchPrinted> + Clone + Send + Sync + 'static,
{
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self(self.0.clone()))
    }
}

impl<F> OutputStream for Output<F>
where
    F: Fn(&[u8]) -> Result<(), TooMuchPrinted> + Send + 'static,
{
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        (self.0)(&bytes).map_err(|printed| StreamError::Trap(printed.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE)
    }
}

#[wasmtime_wasi::async_trait]
impl<F: Send + 'static> Pollable for Output<F> {
    async fn ready(&mut self) {}
}

/// The end of an output.
pub struct Tail {
    kept: VecDeque<u8>,
    most: usize,
}

impl Tail {
    /// Keeps the last `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most }
    }

    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(&bytes[bytes.len().saturating_sub(self.most)..]);
        let surplus = self.kept.len().saturating_sub(self.most);
        self.kept.drain(..surplus);
    }

    /// What was kept; nothing is left.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept).into()
    }
}

/// A [`Tail`] that a guest writes while the host keeps it. Clones share it.
#[derive(Clone)]
pub struct SharedTail(Arc<Mutex<Tail>>);

impl SharedTail {
    /// Keeps the last `most` bytes.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Tail::new(most))))
    }

    /// The output that ends here.
    pub fn output(&self) -> impl StdoutStream + 'static {
        let tail = self.clone();
        Output::new(move |bytes| {
            tail.push(bytes);
            Ok(())
        })
    }

    /// Takes the next piece.
    pub fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }

    /// What was kept; nothing is left.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
