//! What one call may use, counted over all that it uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::engine::TICK;

/// Linear memories of one call. A component of Python has two modules with
/// memory of their own; eight leaves room.
const MEMORIES: usize = 8;
/// Tables of one call.
const TABLES: usize = 64;
/// Core instances of one call. A component of Python was measured to need 14.
const INSTANCES: usize = 64;
/// Entries of one table.
const TABLE_ENTRIES: usize = 100_000;

/// A limit that ended a call. The text names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// It computed for too long: a loop, or work too large for the limit.
    #[error("CPU budget of {} spent", humantime::format_duration(*.limit))]
    Cpu {
        /// The budget.
        limit: Duration,
    },
    /// It took too long in all, mostly by waiting.
    #[error("no result within {}", humantime::format_duration(*.limit))]
    Wall {
        /// The deadline.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    #[error("memory: wanted {} KiB, limit {} KiB", wanted >> 10, limit >> 10)]
    Memory {
        /// What all its memories together would have held, in bytes.
        wanted: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It wanted a larger table than any program needs.
    #[error("table: wanted {wanted} entries, limit {TABLE_ENTRIES}")]
    Table {
        /// What the table would have held.
        wanted: usize,
    },
    /// It printed too much.
    #[error("output: printed more than {} KiB", limit >> 10)]
    Output {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Counts the memory of one call.
pub(super) struct Memory {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Memory {
    /// Counts in `used`, in bytes. Memories never shrink, so that is the peak.
    pub(super) fn new(limit: usize, used: Arc<AtomicUsize>) -> Self {
        Self { used, limit }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.load(Ordering::Relaxed);
        let wanted = used.saturating_add(desired.saturating_sub(current));
        if wanted > self.limit {
            return Err(Exceeded::Memory { wanted, limit: self.limit }.into());
        }
        self.used.store(wanted, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ENTRIES {
            return Err(Exceeded::Table { wanted: desired }.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

/// Counts the computing time of one call in epochs, which pass only while the
/// guest runs: a guest that waits for a mail server spends nothing.
pub(super) struct Cpu {
    left: u32,
    limit: Duration,
}

impl Cpu {
    pub(super) fn new(limit: Duration) -> Self {
        let ticks = limit.as_millis().div_ceil(TICK.as_millis());
        Self { left: u32::try_from(ticks).unwrap_or(u32::MAX), limit }
    }

    pub(super) fn tick(&mut self) -> Result<(), Exceeded> {
        self.left = self.left.checked_sub(1).ok_or(Exceeded::Cpu { limit: self.limit })?;
        Ok(())
    }
}
