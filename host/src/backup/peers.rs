//! Who asks: whether a camera of that address may, and as whom it sends.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, SystemTime};

use super::settings::{Camera, Settings, Who};
use crate::pairing::Mac;
use crate::spool::{Sight, Sighting};

/// The kernel's table of neighbours.
const NEIGHBOURS: &str = "/proc/net/arp";

/// Port of the discard service, on which nothing listens.
const DISCARD: u16 = 9;

/// How often, and how long after each other, the table is looked at again when
/// a neighbour is not in it yet.
const LOOKS: usize = 5;
const BETWEEN: Duration = Duration::from_millis(40);

/// Somebody who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: Ipv4Addr,
    /// In whose name it sends.
    pub(super) sender: String,
    /// Its model, if the operator told.
    pub(super) model: Option<String>,
}

impl Peer {
    /// What it did just now.
    pub(super) fn sighting(&self, sight: Sight) -> Sighting {
        let Self { address, sender, model } = self;
        let (sender, model) = (sender.clone(), model.clone());
        Sighting { address: *address, model, sender, at: SystemTime::now(), sight }
    }
}

impl Settings {
    /// Whether somebody at `address` may ask, as far as the address tells.
    pub(super) fn is_from_here(&self, address: IpAddr) -> Option<Ipv4Addr> {
        let IpAddr::V4(v4) = address.to_canonical() else { return None };
        self.from.contain(address).then_some(v4)
    }

    /// Who it is, if it may ask.
    pub(super) async fn admit(&self, address: IpAddr) -> Option<Peer> {
        let address = self.is_from_here(address)?;
        if self.cameras.is_empty() {
            return Some(self.peer(address, None));
        }
        let by_address = |camera: &&Camera| camera.who == Who::Address(address);
        if let Some(camera) = self.cameras.iter().find(by_address) {
            return Some(self.peer(address, Some(camera)));
        }
        let mac = Who::Mac(self.mac(address).await?);
        let camera = self.cameras.iter().find(|camera| camera.who == mac)?;
        Some(self.peer(address, Some(camera)))
    }

    fn peer(&self, address: Ipv4Addr, camera: Option<&Camera>) -> Peer {
        let sender = camera.and_then(|camera| camera.sender.as_ref()).unwrap_or(&self.sender);
        let model = camera.and_then(|camera| camera.model.clone());
        Peer { address, sender: sender.clone(), model }
    }

    /// The network card of a neighbour, if any camera is known by one.
    async fn mac(&self, address: Ipv4Addr) -> Option<Mac> {
        self.cameras.iter().find(|camera| matches!(camera.who, Who::Mac(_)))?;
        for look in 0..LOOKS {
            let table = tokio::fs::read_to_string(NEIGHBOURS).await.ok()?;
            if let Some(mac) = neighbour(&table, address) {
                return Some(mac);
            }
            if look == 0 {
                // Whoever has not been sent anything yet is not in the table.
                let _ = nudge(address);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        None
    }
}

/// Makes the kernel ask who `address` is. The datagram is empty and goes where
/// nobody listens.
fn nudge(address: Ipv4Addr) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_nonblocking(true)?;
    socket.send_to(&[], (address, DISCARD)).map(drop)
}

/// The card of `address` in the kernel's table; none where it is incomplete.
fn neighbour(table: &str, address: Ipv4Addr) -> Option<Mac> {
    let mut rows = table.lines().skip(1).map(|row| row.split_ascii_whitespace().collect());
    let row: Vec<&str> =
        rows.find(|row: &Vec<&str>| row.first().and_then(|a| a.parse().ok()) == Some(address))?;
    row.get(3).and_then(|mac| Mac::parse(mac)).filter(|mac| mac.is_of_a_card())
}

/// The address of this machine that leads back to `peer`: where a camera
/// reaches us. Never that of another network card, never what the machine's
/// name resolves to.
///
/// # Errors
/// There is no way to `peer`.
pub fn own_address_towards(peer: SocketAddrV4) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Connecting sends nothing.
    socket.connect(peer)?;
    match socket.local_addr()? {
        SocketAddr::V4(address) => Ok(*address.ip()),
        SocketAddr::V6(_) => Err(io::Error::other("an IPv4 socket with another address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_known_by_its_card_once_it_answered() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
            192.168.1.20     0x1         0x2         a0:21:95:00:00:01     *        wlan0\n\
            192.168.1.21     0x1         0x0         00:00:00:00:00:00     *        wlan0\n";
        let of = |address: &str| neighbour(table, address.parse().unwrap());
        assert_eq!(of("192.168.1.20"), Mac::parse("A0:21:95:00:00:01"));
        assert_eq!(of("192.168.1.21"), None);
        assert_eq!(of("192.168.1.2"), None);
    }

    #[test]
    fn the_way_back_to_this_machine_is_itself() {
        let own = own_address_towards("127.0.0.1:1900".parse().unwrap()).unwrap();
        assert_eq!(own, Ipv4Addr::LOCALHOST);
    }
}
