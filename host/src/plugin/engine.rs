//! The one place that builds an [`Engine`], for the server and for the child
//! process that compiles: their code must be compatible.

use std::time::Duration;

use wasmtime::{Config, Engine};

/// Time between two epochs, the grain of the CPU budget.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest, in bytes, wasmtime's default. Deeper is a runaway.
pub(super) const STACK: usize = 512 << 10;

/// An engine without its clock.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(STACK).async_stack_size(2 * STACK);
    Engine::new(&config)
}

/// Starts the clock of `engine`, a thread that ends with it.
pub(super) fn start_clock(engine: &Engine) -> std::io::Result<()> {
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
