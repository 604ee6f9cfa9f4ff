//! The host's side of `wit/`, made by wasmtime's `bindgen!`.
#![allow(missing_docs, unreachable_pub, reason = "generated; wit/ documents every item")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "action-full",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
});

pub use afterimage::action::{files, log, mail, process, progress, settings, store, uploads};
