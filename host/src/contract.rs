//! The host's side of `wit/`, made by wasmtime's `bindgen!`.
//!
//! Its functions are traced, values included, at the level `trace`: that is
//! how `plugin try` shows them. The server's log leaves them out.
#![allow(missing_docs, unreachable_pub, reason = "generated; wit/ documents every item")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "action-full",
    imports: { default: async | trappable | tracing | verbose_tracing },
    exports: { default: async },
    require_store_data_send: true,
    include_component_type: true,
});

pub use afterimage::action::{files, log, mail, process, progress, settings, store, uploads};
