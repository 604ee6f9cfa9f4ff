//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod backlog;
mod camera_command;
mod capture;
mod clock;
mod configuration;
mod crash;
mod deviations;
mod disk;
mod durability;
mod email;
mod failing_calls;
mod hostile;
mod hotspot;
mod http;
mod limits;
mod login;
mod mail;
mod mastodon;
mod odd_requests;
mod osp;
mod posts;
mod queue;
mod retention;
mod sender_passwords;
mod shell;
mod social;
mod social_login;
mod stop;
mod store;
