//! Networks that something is limited to: who may ask, who may connect, which
//! proxies are believed.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// What nobody on the Internet can send from: this machine, private (RFC 1918,
/// RFC 4193) and link-local networks.
const PRIVATE: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// A list of networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Those that nobody on the Internet can send from.
    pub fn private() -> Self {
        Self::parse(PRIVATE).expect("the networks of this list are written correctly")
    }

    /// No network: nothing is within.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Addresses (`192.168.1.20`) and networks (`192.168.1.0/24`) as they are
    /// written in `config.toml`; `private` stands for all that
    /// [`Networks::private`] has.
    ///
    /// # Errors
    /// Says which one is neither.
    pub fn parse<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut networks = Vec::new();
        for text in written {
            let text = text.trim();
            if text.eq_ignore_ascii_case("private") {
                networks.extend(Self::private().0);
                continue;
            }
            let network = text.parse::<IpNet>().ok();
            let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            networks.push(network.ok_or_else(|| {
                format!(
                    "{text:?} is no network; write an address (192.168.1.20), a network \
                     (192.168.1.0/24) or \"private\""
                )
            })?);
        }
        Ok(Self(networks))
    }

    /// Whether `address` is in one of them. An IPv4 address that came through
    /// an IPv6 socket (`::ffff:192.168.1.20`) counts as what it is.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, network) in self.0.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(networks: &Networks, address: &str) -> bool {
        networks.contain(address.parse().unwrap())
    }

    #[test]
    fn private_networks_are_private() {
        let private = Networks::private();
        for address in ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.77.20", "fe80::1"] {
            assert!(within(&private, address), "{address}");
        }
        for address in ["203.0.113.9", "172.32.0.1", "100.64.0.1", "2001:db8::1"] {
            assert!(!within(&private, address), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_counts_through_an_ipv6_socket() {
        assert!(within(&Networks::private(), "::ffff:192.168.1.20"));
        assert!(!within(&Networks::private(), "::ffff:203.0.113.9"));
    }

    #[test]
    fn addresses_and_networks_are_read() {
        let networks = Networks::parse(["192.168.1.20", " 2001:db8::/32 "]).unwrap();
        assert!(within(&networks, "192.168.1.20"));
        assert!(!within(&networks, "192.168.1.21"));
        assert!(within(&networks, "2001:db8:1::1"));
        assert_eq!(networks.to_string(), "192.168.1.20/32, 2001:db8::/32");
    }

    #[test]
    fn what_is_no_network_is_named() {
        let error = Networks::parse(["192.168.1.0/33"]).unwrap_err();
        assert!(error.contains("\"192.168.1.0/33\""), "{error}");
    }
}
