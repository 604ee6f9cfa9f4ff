//! What a component may ask for: the interfaces of the contract, as the host
//! offers them, and the parts of WASI that are linked.

/// Package of the contract and the version that this host speaks.
pub const PACKAGE: &str = "afterimage:action";
/// That version.
pub const VERSION: (u32, u32, u32) = (0, 1, 0);

/// An interface of the contract, as one component has it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its name in [`PACKAGE`].
    pub name: &'static str,
    /// Whether the component gets it.
    pub access: Access,
}

/// Whether a component gets an interface.
#[derive(Debug, Clone)]
pub enum Access {
    /// As every component does.
    Free,
    /// The operator allows it; the text is what `ALLOW` says.
    Granted(String),
    /// The operator would have to allow it.
    Missing {
        /// Key and an example value for `ALLOW`.
        example: &'static str,
    },
}

impl Offer {
    /// The offer of this name, if the host has it.
    pub fn find<'a>(offers: &'a [Self], name: &str) -> Option<&'a Self> {
        offers.iter().find(|offer| offer.name == name)
    }

    /// Whether it takes a grant.
    pub fn needs_grant(&self) -> bool {
        !matches!(self.access, Access::Free)
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
