//! Every interface that a component may ask for, and what it takes to get it:
//! the one table behind the checks at load, `plugin inspect` and `plugin try`.

use crate::capability::{Grants, StoreGrant};

/// Package of the contract and the version that this host speaks.
pub const PACKAGE: &str = "afterimage:action";
/// That version.
pub const VERSION: (u32, u32, u32) = (0, 1, 0);

/// One interface of the contract.
pub struct Interface {
    /// Its name in [`PACKAGE`].
    pub name: &'static str,
    /// Who gets it.
    pub access: Access,
}

/// Who gets an interface.
pub enum Access {
    /// Every component.
    Free,
    /// Those that the operator grants it.
    Granted {
        /// Key and an example value for `ALLOW`.
        example: &'static str,
        /// The grant as `ALLOW` would say it, none if there is no grant.
        grant: fn(&Grants) -> Option<String>,
    },
}

/// All of them.
pub const INTERFACES: &[Interface] = &[
    Interface { name: "uploads", access: Access::Free },
    Interface { name: "settings", access: Access::Free },
    Interface { name: "log", access: Access::Free },
    Interface { name: "progress", access: Access::Free },
    Interface { name: "files", access: Access::Free },
    Interface {
        name: "store",
        access: Access::Granted {
            example: "STORE = \"folder\"",
            grant: |grants| {
                grants.store.as_ref().map(|grant| match grant {
                    StoreGrant::Folder(folder) => format!("STORE = {folder:?}"),
                    StoreGrant::InstanceOrSender => {
                        "STORE, a folder of the instance or the sender".to_owned()
                    }
                })
            },
        },
    },
    Interface {
        name: "mail",
        access: Access::Granted {
            example: "MAIL = []",
            grant: |grants| {
                grants.mail.as_ref().map(|grant| format!("MAIL = {:?}", grant.recipients))
            },
        },
    },
    Interface {
        name: "process",
        access: Access::Granted {
            example: "PROCESS = true",
            grant: |grants| grants.process.then(|| "PROCESS = true".to_owned()),
        },
    },
];

impl Interface {
    /// The interface of this name, if the host offers it.
    pub fn find(name: &str) -> Option<&'static Self> {
        INTERFACES.iter().find(|interface| interface.name == name)
    }
}

/// What of WASI 0.2 is linked; `wasi:http/` only with these two.
pub const WASI: &[&str] = &[
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/types",
    "wasi:http/outgoing-handler",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// The interface that requests are made through.
pub const HTTP: &str = "wasi:http/outgoing-handler";

/// WASI interfaces that are linked, since the runtimes of some languages
/// import them whether used or not, but refuse every use.
pub const CLOSED: &[(&str, &str)] =
    &[("wasi:sockets/", "no sockets and no name look-ups, whatever it tries")];
