//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod camera_command;
mod capture;
mod configuration;
mod crash;
mod deviations;
mod durability;
mod email;
mod examples;
mod hostile;
mod hotspot;
mod http;
mod languages;
mod limits;
mod login;
mod mail;
mod mastodon;
mod odd_requests;
mod osp;
mod plugin;
mod plugin_requests;
mod posts;
mod queue;
mod reload;
mod sender_passwords;
mod shell;
mod social;
mod social_login;
mod store;
