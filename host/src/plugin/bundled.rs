//! The actions that come with the program: components like any other, built
//! by `build.rs` from `plugins/`.

use std::time::Duration;

use crate::config::{Grants, Limits, MailGrant, StoreGrant};

/// A component in this program.
pub struct Bundled {
    /// Name of the action.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// Keys of its settings.
    pub settings: &'static [&'static str],
    /// Those among them that the host keeps to itself: the component finds
    /// `{"secret": true}` in their place.
    pub secrets: &'static [&'static str],
    /// What one delivery may use.
    pub limits: fn() -> Limits,
    /// What it may ask of the host. What follows from its settings, such as the
    /// server of `mastodon`, is added where they are read.
    pub grants: fn() -> Grants,
}

/// For what waits for others most of its time.
const LONG: Duration = Duration::from_secs(60 * 60);

/// All of them.
pub const BUNDLED: &[Bundled] = &[
    Bundled {
        name: "email",
        component: include_bytes!(env!("PLUGIN_EMAIL")),
        settings: &["TO"],
        secrets: &[],
        // The host ends what stalls; a video through a thin line takes its time.
        limits: || Limits { wall: LONG, ..Limits::default() },
        // `TO` is added where it is read.
        grants: || Grants { mail: Some(MailGrant::default()), ..Grants::default() },
    },
    Bundled {
        name: "ignore",
        component: include_bytes!(env!("PLUGIN_IGNORE")),
        settings: &[],
        secrets: &[],
        limits: Limits::default,
        grants: Grants::default,
    },
    Bundled {
        name: "mastodon",
        component: include_bytes!(env!("PLUGIN_MASTODON")),
        settings: &[
            "BASE_URL",
            "TOKEN",
            "POSTSCRIPT",
            "VISIBILITY",
            "LANGUAGE",
            "SENSITIVE",
            "STRIP_LOCATION",
            "ON_TOO_MANY",
            "MISSING_ALT",
            "PRIVATE_NETWORKS",
        ],
        secrets: &["TOKEN"],
        // A video of 100 MB takes 15 minutes at 1 Mbit/s, and the server then
        // needs some to convert it.
        limits: || Limits { wall: Duration::from_secs(45 * 60), ..Limits::default() },
        grants: Grants::default,
    },
    Bundled {
        name: "shell",
        component: include_bytes!(env!("PLUGIN_SHELL")),
        settings: &["CMD", "STDIN", "TIMEOUT", "LEADING_DASH", "EXIT_DELIVERED", "EXIT_RETRY"],
        secrets: &["CMD", "STDIN"],
        // Each command has its own deadline.
        limits: || Limits { wall: LONG, ..Limits::default() },
        grants: || Grants {
            store: Some(StoreGrant::InstanceOrSender),
            process: true,
            ..Grants::default()
        },
    },
    Bundled {
        name: "store",
        component: include_bytes!(env!("PLUGIN_STORE")),
        settings: &[],
        secrets: &[],
        limits: Limits::default,
        grants: || Grants { store: Some(StoreGrant::InstanceOrSender), ..Grants::default() },
    },
];
