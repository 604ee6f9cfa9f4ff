//! The one table of interfaces that a component may ask for.

use super::call::{Grant, Guest, Interface};
use super::{Capabilities, Grants, files, log, mail, process, progress, settings, store};
use crate::component::interfaces::{Access, Offer};

/// Every interface that a component may ask for: one row from each capability.
pub fn interfaces<G: Guest>() -> [Interface<G>; 8] {
    [
        // Types alone, which need no host.
        Interface { name: "uploads", link: |_| Ok(()), grant: None },
        settings::interface(),
        log::interface(),
        progress::interface(),
        files::interface(),
        store::interface(),
        mail::interface(),
        process::interface(),
    ]
}

/// The same as a component with these `grants` has them.
pub fn offers(grants: &Grants) -> Vec<Offer> {
    let offer = |Interface { name, grant, .. }: Interface<Nobody>| {
        let access = match grant {
            None => Access::Free,
            Some(Grant { example, shown }) => match shown(grants) {
                Some(grant) => Access::Granted(grant),
                None => Access::Missing { example },
            },
        };
        Offer { name, access }
    };
    interfaces().into_iter().map(offer).collect()
}

/// A guest that there never is: for the rows of the table alone.
enum Nobody {}

impl Guest for Nobody {
    fn capabilities(&mut self) -> &mut Capabilities {
        match *self {}
    }
}
