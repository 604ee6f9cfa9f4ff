//! What one call may use, counted over all that it uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasmtime::{ResourceLimiter, Trap, WasmBacktrace};

use crate::capability::output::TooMuchPrinted;
use crate::component::engine::STACK;

/// Linear memories of one call. A component of Python has two modules with
/// memory of their own; eight leaves room.
const MEMORIES: usize = 8;
/// Tables of one call.
const TABLES: usize = 64;
/// Core instances of one call. A component of Python was measured to need 14.
const INSTANCES: usize = 64;
/// Entries of one table.
const TABLE_ENTRIES: usize = 100_000;

/// Bytes that one host call may hand over.
pub(super) const HOSTCALL: usize = 2 << 20;
/// Handles that a guest may hold.
pub(super) const HANDLES: usize = 1_000;
/// Host objects (files, streams) that a guest may hold.
pub(super) const OBJECTS: usize = 256;
/// Bytes of header fields.
pub(super) const FIELDS: usize = 64 << 10;
/// Bytes of randomness at once.
pub(super) const RANDOM: u64 = 1 << 20;

/// The limit that ended a call, if one did, in words for author and operator.
pub(super) fn reached(error: &wasmtime::Error) -> Option<String> {
    if let Some(exceeded) = error.chain().find_map(|cause| cause.downcast_ref::<Exceeded>()) {
        return Some(exceeded.to_string());
    }
    if let Some(printed) = error.chain().find_map(|cause| cause.downcast_ref::<TooMuchPrinted>()) {
        return Some(printed.to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Some(format!("stack of {} KiB", STACK >> 10)),
        // A guest's own stack lies first in its memory; running over it is
        // an access below address 0.
        Some(Trap::MemoryOutOfBounds) if is_recursion(error) => {
            return Some("the guest's own stack (recursion too deep?)".to_owned());
        }
        _ => {}
    }
    let words = error.root_cause().to_string();
    // These have no type of their own in wasmtime 48.
    [
        (
            "hostcalls has been exhausted",
            format!("argument of a host call over {} MiB", HOSTCALL >> 20),
        ),
        ("handle limit exceeded", "too many handles".to_owned()),
        ("no free keys", "too many open handles".to_owned()),
        ("total size of fields", format!("header fields over {} KiB", FIELDS >> 10)),
        ("requested len", format!("more than {} MiB of randomness at once", RANDOM >> 20)),
    ]
    .into_iter()
    .find(|(needle, _)| words.contains(needle))
    .map(|(_, limit)| limit)
}

/// Whether the innermost functions are a few that call each other; a wild
/// pointer is met in any function.
fn is_recursion(error: &wasmtime::Error) -> bool {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let frames = backtrace.frames();
    let functions: BTreeSet<u32> = frames.iter().map(|frame| frame.func_index()).collect();
    frames.len() >= 16 && functions.len() <= 4
}

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
