//! The network card that faces the cameras, which they wake the machine by.

use std::net::{IpAddr, Ipv4Addr};

use crate::backup::own_address_towards;
use crate::pairing::Mac;

/// Somewhere else, for the way there to be looked up; nothing is sent (RFC 5737).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The card with `address`, or else that of the way out, or else any.
pub(super) fn mac(address: Option<Ipv4Addr>) -> Option<Mac> {
    let towards = || own_address_towards(std::net::SocketAddrV4::new(ELSEWHERE, 9)).ok();
    let wanted = address.or_else(towards);
    let mut interfaces = if_addrs::get_if_addrs().ok()?;
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    let facing =
        interfaces.iter().filter(|interface| Some(interface.ip()) == wanted.map(IpAddr::V4));
    facing.chain(&interfaces).find_map(|interface| of(&interface.name))
}

fn of(interface: &str) -> Option<Mac> {
    let written = std::fs::read_to_string(format!("/sys/class/net/{interface}/address")).ok()?;
    Mac::parse(&written).filter(|mac| mac.is_of_a_card())
}
