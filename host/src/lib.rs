//! Afterimage takes the photos and videos of Samsung's Wi-Fi cameras and hands
//! each upload to an *action*, a sandboxed WASI component.
//!
//! The data only ever moves to the right:
//! `camera` → `spool` → `delivery` → `plugin` → component, which asks the host
//! back through `capability`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod action_name;
pub mod backup;
pub mod bundled;
pub mod camera;
pub mod capability;
pub mod cli;
pub mod component;
pub mod config;
pub mod contract;
pub mod current;
pub mod date;
pub mod delivery;
pub mod digest;
pub mod dns;
pub mod emulator;
pub mod file_name;
pub mod folder_pattern;
pub mod networks;
pub mod open_files;
pub mod pairing;
pub mod password;
pub mod plugin;
pub mod secret;
pub mod server;
pub mod spool;
pub mod text;
pub mod trial;
pub mod upload;
pub mod values;
pub mod web;
pub mod xml;
