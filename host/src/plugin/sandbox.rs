//! What every guest runs in, actions and commands alike: a store with its
//! bounds and a clock, and of the machine nothing but what it is given.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::cpu_time::CpuTime;
use super::limits::{self, Memory};
use super::setup::Limits;

/// What one call takes, while it goes on and afterwards. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// Processor time.
    pub(super) cpu: Arc<CpuTime>,
    /// Bytes of memory.
    pub(super) memory: Arc<AtomicUsize>,
}

/// The host's side of a store.
pub trait Host: Send + 'static {
    /// Where the guest's requests over HTTP go.
    fn requests(&mut self) -> &mut dyn WasiHttpHooks;
}

/// What the store of a guest holds.
pub struct State<H> {
    /// The host's side.
    pub host: H,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    memory: Memory,
}

/// A store for one guest, which sees what `wasi` gives it and is ended by
/// `limits`; what it takes is counted in `usage`.
pub(super) fn store<H: Host>(
    engine: &Engine,
    host: H,
    mut wasi: WasiCtxBuilder,
    limits: Limits,
    usage: &Usage,
) -> Store<State<H>> {
    wasi.max_random_size(limits::RANDOM);
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits::OBJECTS);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits::FIELDS);
    let memory = Memory::new(limits.memory, usage.memory.clone());
    let mut store = Store::new(engine, State { host, wasi: wasi.build(), http, table, memory });
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits::HOSTCALL);
    store.set_max_component_handles(limits::HANDLES);
    // Epochs only give the occasion; what is counted is processor time.
    let cpu = usage.cpu.clone();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        cpu.check(limits.cpu)?;
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

impl<H: Host> WasiView for State<H> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl<H: Host> WasiHttpView for State<H> {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (ctx, table) = (&mut self.http, &mut self.table);
        WasiHttpCtxView { ctx, table, hooks: self.host.requests() }
    }
}
