//! The one place that builds an [`Engine`], for the server and for the child
//! process that compiles: their code must be compatible.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use wasmtime::{Config, Engine, Instance, Module, Store};

/// Time between two epochs, the grain of the CPU budget.
pub const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest, in bytes, wasmtime's default. Deeper is a runaway.
pub const STACK: usize = 512 << 10;

/// An engine without its clock.
///
/// # Errors
/// It does not run on this machine.
pub fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(STACK).async_stack_size(2 * STACK);
    Engine::new(&config)
}

/// Starts the clock of `engine`, a thread that ends with it.
///
/// # Errors
/// The system has no thread for it.
pub fn start_clock(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epochs".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}

/// A module with one function and one memory.
const SMALL: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x0a\x04\x01\x02\0\x0b";

/// Address space that calls at once may take: each memory reserves 4 GiB of it,
/// which costs nothing, and a guest of Python has two.
const ADDRESSES: u64 = 64 << 30;

/// Whether this machine lets guests run, so that a start says what would
/// otherwise fail for every photo.
///
/// # Errors
/// What it does not let, and what to set.
pub fn check_machine(engine: &Engine) -> Result<(), String> {
    let module = Module::new(engine, SMALL).map_err(|error| {
        format!(
            "this system does not let the program make compiled plugins executable; in a unit of \
             systemd set MemoryDenyWriteExecute=no, under SELinux allow execmem ({error:#})"
        )
    })?;
    let addresses = getrlimit(Resource::As).current;
    let remedy = "raise the limit: LimitAS=infinity in a unit of systemd, `ulimit -v unlimited` \
                  in a shell; it is no limit on memory that is used";
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1);
    let limit = addresses.map_or("unlimited".to_owned(), |n| format!("{} MiB", n >> 20));
    Instance::new(&mut store, &module, &[]).map_err(|error| {
        format!(
            "a plugin's memory cannot be reserved, the limit on addresses (RLIMIT_AS) is {limit}; \
             {remedy} ({error:#})"
        )
    })?;
    if addresses.is_some_and(|addresses| addresses < ADDRESSES) {
        tracing::warn!(
            "RLIMIT_AS is {limit}; plugins that run at once reserve up to {} GiB of addresses; \
             {remedy}",
            ADDRESSES >> 30
        );
    }
    Ok(())
}
