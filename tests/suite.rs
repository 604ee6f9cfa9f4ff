//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod configuration;
mod crash;
mod durability;
mod email;
mod hostile;
mod hotspot;
mod odd_requests;
mod queue;
mod store;
