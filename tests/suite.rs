//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod configuration;
mod email;
mod hostile;
mod hotspot;
mod languages;
mod odd_requests;
mod plugin;
mod reload;
mod store;
