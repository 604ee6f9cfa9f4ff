//! The program as cameras and operators meet it: the real binary, real
//! sockets, real folders. One behaviour a test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod fixture;

mod alt_texts;
mod backlog;
mod backup_calls;
mod backup_camera;
mod backup_files;
mod backup_pair;
mod backup_search;
mod camera_command;
mod capture;
mod clock;
mod configuration;
mod contract;
mod crash;
mod deviations;
mod disk;
mod durability;
mod email;
mod examples;
mod failing_calls;
mod hostile;
mod hostile_capabilities;
mod hostile_http;
mod hotspot;
mod house;
mod http;
mod injection;
mod languages;
mod limits;
mod login;
mod mail;
mod mail_delivery;
mod mail_servers;
mod mastodon;
mod mastodon_answers;
mod mastodon_delivery;
mod mastodon_media;
mod mastodon_place;
mod mastodon_repeats;
mod odd_requests;
mod old_files;
mod one_piece;
mod osp;
mod plugin;
mod plugin_host;
mod plugin_requests;
mod posts;
mod queue;
mod reload;
mod retention;
mod secrets;
mod sender_passwords;
mod settings;
mod several_actions;
mod shell;
mod social;
mod social_login;
mod stop;
mod store;
