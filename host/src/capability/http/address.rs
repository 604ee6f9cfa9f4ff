//! Which addresses a guest's request may go to, after names are resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What stands behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A machine of the internet.
    Public,
    /// A machine of a private network, or this one: only where granted.
    Private,
    /// No machine that a guest has business with: link-local addresses (cloud
    /// machines serve their credentials there), multicast, reserved ranges.
    Special,
}

/// The kind of `address`, after IANA's registries of special-purpose
/// addresses. An IPv4 address in IPv6 clothes counts as what it is.
pub fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [10, ..] | [127, ..] | [192, 168, ..] => Kind::Private,
        [172, 16..=31, ..] => Kind::Private,
        // Shared between a provider and its customers (RFC 6598).
        [100, 64..=127, ..] => Kind::Private,
        [0, ..] | [169, 254, ..] | [224..=255, ..] => Kind::Special,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => Kind::Special,
        [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Special,
        _ => Kind::Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        kind_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private,
        // Amazon's metadata service, in a private range of its own choice.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Kind::Special,
        [0xfc00..=0xfdff, ..] => Kind::Private,
        // Mapped (RFC 4291), translated by NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => match embedded(high, low) {
            Kind::Public => Kind::Public,
            _ => Kind::Special,
        },
        // Teredo and other protocols; documentation.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Kind::Special,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Special,
    }
}

/// An address that a request would have gone to and must not.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{host} is at {address}, which is no public address")]
pub(super) struct Prohibited {
    pub(super) host: String,
    pub(super) address: IpAddr,
    /// Whether a grant would change that.
    pub(super) grantable: bool,
}

/// A name that could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("{host} cannot be resolved: {error}")]
pub(super) struct Unresolved {
    host: String,
    error: std::io::Error,
}

/// Refuses `address` of `host` unless a request may go there.
pub(super) fn check(host: &str, address: IpAddr, private: bool) -> Result<(), Prohibited> {
    match kind(address) {
        Kind::Public => Ok(()),
        Kind::Private if private => Ok(()),
        kind => {
            Err(Prohibited { host: host.to_owned(), address, grantable: kind == Kind::Private })
        }
    }
}

/// Resolves names to the addresses that may be connected to. The client
/// connects to these and asks nobody else, so there is no second resolution
/// that could answer differently.
pub(super) struct Resolver {
    pub(super) private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0))
                .await
                .map_err(|error| Unresolved { host: host.clone(), error })?
                .collect();
            let mut allowed = Vec::new();
            let mut prohibited = None;
            for address in found {
                match check(&host, address.ip(), private) {
                    Ok(()) => allowed.push(address),
                    Err(error) => prohibited = Some(error),
                }
            }
            match (allowed.is_empty(), prohibited) {
                (true, Some(prohibited)) => Err(prohibited.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_machines_of_the_internet_are_public() {
        let cases = [
            ("1.1.1.1", Kind::Public),
            ("192.0.1.1", Kind::Public),
            ("2606:4700::1111", Kind::Public),
            ("::ffff:8.8.8.8", Kind::Public),
            ("64:ff9b::8.8.8.8", Kind::Public),
            ("10.1.2.3", Kind::Private),
            ("127.0.0.53", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.168.0.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("::1", Kind::Private),
            ("fd12:3456::1", Kind::Private),
            ("::ffff:127.0.0.1", Kind::Private),
            ("64:ff9b::10.0.0.1", Kind::Private),
            ("0.0.0.0", Kind::Special),
            ("169.254.169.254", Kind::Special),
            ("::ffff:169.254.169.254", Kind::Special),
            ("64:ff9b::169.254.169.254", Kind::Special),
            ("64:ff9b:1::1", Kind::Special),
            ("fd00:ec2::254", Kind::Special),
            ("fe80::1", Kind::Special),
            ("::", Kind::Special),
            ("ff02::1", Kind::Special),
            ("2002:a00:1::", Kind::Special),
            ("2001::1", Kind::Special),
            ("2001:db8::1", Kind::Special),
            ("::7f00:1", Kind::Special),
            ("198.18.0.1", Kind::Special),
            ("224.0.0.1", Kind::Special),
            ("255.255.255.255", Kind::Special),
        ];
        for (address, expected) in cases {
            assert_eq!(kind(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_grant_of_private_networks_is_none_of_metadata_services() {
        assert!(check("x", "192.168.1.1".parse().unwrap(), true).is_ok());
        assert!(check("x", "192.168.1.1".parse().unwrap(), false).is_err());
        assert!(check("x", "169.254.169.254".parse().unwrap(), true).is_err());
    }
}
