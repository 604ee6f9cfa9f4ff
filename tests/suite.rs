//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod configuration;
mod email;
mod hostile;
mod hotspot;
mod mail;
mod odd_requests;
mod shell;
mod store;
