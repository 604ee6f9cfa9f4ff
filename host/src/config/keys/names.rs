//! The keys of the name server for cameras.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Change, Draft, Key};
use crate::dns;
use crate::networks::Networks;
use crate::values;

/// What the keys decide, before one is seen beside the others.
#[derive(Debug, Default)]
pub(in crate::config) struct Keys {
    listen: Option<SocketAddr>,
    address: Option<Ipv4Addr>,
    from: Option<Networks>,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "DNS_LISTEN",
        default: "off",
        doc: "where cameras ask for names, UDP and TCP; only their names are answered ([docs/dns.md](docs/dns.md))",
        example: "\"192.168.1.10:53\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.names.listen = Some(values::listen(&value.text()?)?);
            Ok(())
        },
    },
    Key {
        name: "DNS_ADDRESS",
        default: "the one that was asked",
        doc: "the address that names lead to; needed in a container and behind NAT",
        example: "\"192.168.1.10\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let text = value.word()?;
            let address: Ipv4Addr = text.parse().map_err(|_| {
                format!("{text:?} is no IPv4 address like \"192.168.1.10\"; cameras know no other")
            })?;
            if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
                return Err(format!("no camera can connect to {address}"));
            }
            draft.names.address = Some(address);
            Ok(())
        },
    },
    Key {
        name: "DNS_FROM",
        default: "`[\"private\"]`",
        doc: "networks that may ask for names; `private` is those that nobody on the Internet is in",
        example: "[\"192.168.1.0/24\"]",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let written = value.texts()?;
            let networks = Networks::parse(written.iter().map(String::as_str))?;
            if networks.is_empty() {
                return Err("nobody could ask; remove the line, or list networks".to_owned());
            }
            draft.names.from = Some(networks);
            Ok(())
        },
    },
];

/// The settings, none where nothing listens.
pub(in crate::config) fn finish(draft: &mut Draft) -> Option<dns::Settings> {
    let Keys { listen, address, from } = std::mem::take(&mut draft.names);
    let Some(listen) = listen else {
        if address.is_some() || from.is_some() {
            draft.warnings.push(
                "DNS_ADDRESS and DNS_FROM have no effect without DNS_LISTEN, like \
                 DNS_LISTEN = \"192.168.1.10:53\""
                    .to_owned(),
            );
        }
        return None;
    };
    // Not refused: with the host's network it is right.
    if address.is_none() && !listen.ip().is_loopback() && is_container() {
        draft.warnings.push(
            "DNS_LISTEN: the address that is asked is mostly not one that cameras reach, in a \
             container; add DNS_ADDRESS = \"192.168.1.10\", the address of the machine"
                .to_owned(),
        );
    }
    let from = from.unwrap_or_else(Networks::private);
    Some(dns::Settings { listen, address, from })
}

/// Whether a container's engine started this program: files that Docker and
/// Podman put there.
fn is_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|file| std::path::Path::new(file).exists())
}
