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
mod hostile;
mod hostile_capabilities;
mod hostile_http;
mod hotspot;
mod http;
mod injection;
mod limits;
mod login;
mod mail;
mod mail_delivery;
mod mail_servers;
mod mastodon;
mod mastodon_delivery;
mod mastodon_media;
mod mastodon_repeats;
mod odd_requests;
mod osp;
mod posts;
mod queue;
mod secrets;
mod sender_passwords;
mod several_actions;
mod shell;
mod social;
mod social_login;
mod store;
