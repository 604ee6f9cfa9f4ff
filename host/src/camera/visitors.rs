//! Connections of each address, so that one stranger cannot take all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one address at once. A camera has one; a household behind
/// one address has a handful of cameras.
const OF_ONE_ADDRESS: usize = 64;

/// Counts the connections of each address.
#[derive(Default, Clone)]
pub(super) struct Visitors(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that is counted until it is dropped.
pub(super) struct Visit {
    visitors: Visitors,
    address: IpAddr,
}

impl Visitors {
    /// Counts a connection of `address`, unless it has too many.
    pub(super) fn visit(&self, address: IpAddr) -> Option<Visit> {
        let address = household(address);
        let mut visitors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = visitors.entry(address).or_default();
        if *count >= OF_ONE_ADDRESS {
            return None;
        }
        *count += 1;
        if *count == OF_ONE_ADDRESS {
            tracing::warn!("{address} has {OF_ONE_ADDRESS} connections; more are refused");
        }
        Some(Visit { visitors: self.clone(), address })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visitors = self.visitors.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = visitors.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                visitors.remove(&self.address);
            }
        }
    }
}

/// An IPv6 household has at least the 2^64 addresses of a /64.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_limit_and_others_do_not_feel_it() {
        let visitors = Visitors::default();
        let one = IpAddr::from([192, 0, 2, 1]);
        let mut visits: Vec<Visit> =
            (0..OF_ONE_ADDRESS).map(|_| visitors.visit(one).unwrap()).collect();
        assert!(visitors.visit(one).is_none());
        assert!(visitors.visit("::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert!(visitors.visit(IpAddr::from([192, 0, 2, 2])).is_some());
        visits.pop();
        assert!(visitors.visit(one).is_some());
        visits.clear();
        assert!(visitors.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let household = |text: &str| household(text.parse().unwrap());
        assert_eq!(household("2001:db8::1"), household("2001:db8::ffff:0:0:2"));
        assert_ne!(household("2001:db8::1"), household("2001:db8:0:1::1"));
    }
}
