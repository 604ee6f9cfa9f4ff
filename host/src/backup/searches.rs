//! Answers searches: one socket on port 1900, in the multicast group on every
//! interface of the machine.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, watch};

use super::peers::own_address_towards;
use super::rate::Rates;
use super::settings::Settings;
use super::ssdp;
use crate::pairing::Udn;

/// Where cameras search (UPnP 1.0, 1.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const PORT: u16 = 1900;

/// A Wi-Fi interface may come up long after the server.
const JOIN_AGAIN: Duration = Duration::from_secs(30);

/// Searchers whose first datagram is logged.
const LOGGED: usize = 256;

/// Searches whose sender is being looked up at once.
const LOOKUPS: usize = 16;

/// What is told to cameras that search.
#[derive(Clone)]
pub(super) struct Searches {
    pub(super) settings: Arc<Settings>,
    pub(super) udn: Udn,
    /// Where the description is served.
    pub(super) server: SocketAddrV4,
}

impl Searches {
    /// Answers until `stop` says so.
    pub(super) async fn answer(self, mut stop: watch::Receiver<bool>) {
        let mut is_told = false;
        let socket = loop {
            match open() {
                Ok(socket) => break Arc::new(socket),
                Err(error) if !is_told => {
                    is_told = true;
                    tracing::error!(
                        "UDP port {PORT}: {error}; cameras do not find the server before whatever \
                         holds the port has ended or shares it"
                    );
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(JOIN_AGAIN) => {}
                _ = stop.changed() => return,
            }
        };
        let mut own = Own::default();
        let mut rates = Rates::default();
        let mut seen = HashSet::new();
        let lookups = Arc::new(Semaphore::new(LOOKUPS));
        let mut join = tokio::time::interval(JOIN_AGAIN);
        let mut datagram = vec![0; ssdp::LARGEST + 1];
        while !*stop.borrow() {
            let (length, peer) = tokio::select! {
                received = socket.recv_from(&mut datagram) => match received {
                    Ok(received) => received,
                    // Of an answer that could not be delivered, mostly.
                    Err(error) => {
                        tracing::debug!("search: {error}");
                        continue;
                    }
                },
                _ = join.tick() => {
                    own = self.join(&socket, own).await;
                    continue;
                }
                _ = stop.changed() => break,
            };
            let datagram = &datagram[..length];
            let Some(peer) = self.may_ask(peer, &own) else { continue };
            if seen.len() < LOGGED && seen.insert(*peer.ip()) {
                let text = String::from_utf8_lossy(datagram);
                tracing::debug!(lines = &*text, "first datagram of {peer}");
            }
            let Some(target) = ssdp::search(datagram, &self.udn) else { continue };
            if !rates.may_answer(*peer.ip(), Instant::now()) {
                continue;
            }
            // Bounded by the rates; looking up a network card may take a while.
            let Ok(place) = lookups.clone().try_acquire_owned() else { continue };
            let (searches, socket) = (self.clone(), socket.clone());
            tokio::spawn(async move {
                if let Err(error) = searches.reply(&socket, peer, &target).await {
                    tracing::debug!(%peer, "search: {error}");
                }
                drop(place);
            });
        }
    }

    /// The peer, unless it is nobody to answer: outside of the networks, or a
    /// server like this one.
    fn may_ask(&self, peer: SocketAddr, own: &Own) -> Option<SocketAddrV4> {
        let address = self.settings.is_from_here(peer.ip())?;
        let is_a_loop = peer.port() == PORT && own.addresses.contains(&address);
        (peer.port() != 0 && !is_a_loop).then(|| SocketAddrV4::new(address, peer.port()))
    }

    async fn reply(
        &self,
        socket: &UdpSocket,
        peer: SocketAddrV4,
        target: &ssdp::Target,
    ) -> io::Result<()> {
        let own = own_address_towards(peer)?;
        let is_offered = self.settings.address.is_none_or(|address| address == own)
            && (self.server.ip().is_unspecified() || *self.server.ip() == own);
        if !is_offered || self.settings.admit(IpAddr::V4(*peer.ip())).await.is_none() {
            return Ok(());
        }
        let server = SocketAddrV4::new(own, self.server.port());
        let answer = ssdp::answer(target, &self.udn, server);
        socket.send_to(answer.as_bytes(), peer).await?;
        tracing::debug!("{} searches a server and is told of {server}", peer.ip());
        Ok(())
    }

    /// Joins the group on every interface where that has not happened yet, or on
    /// the one of `ADDRESS`; what is known of the machine's addresses now.
    async fn join(&self, socket: &UdpSocket, before: Own) -> Own {
        let found = tokio::task::spawn_blocking(if_addrs::get_if_addrs).await;
        let interfaces = match found.map_err(io::Error::other).and_then(|found| found) {
            Ok(interfaces) => interfaces,
            Err(error) => {
                tracing::warn!("network interfaces: {error}");
                return before;
            }
        };
        let mut own = Own::default();
        for interface in interfaces {
            let IpAddr::V4(address) = interface.ip() else { continue };
            own.addresses.insert(address);
            if self.settings.address.is_some_and(|only| only != address) {
                continue;
            }
            let joined = socket2::SockRef::from(socket)
                .join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Address(address));
            match joined {
                Ok(()) => {
                    tracing::debug!("cameras are heard on {} ({address})", interface.name);
                    own.joined.insert(address);
                }
                // It is in the group already, perhaps by another address.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    own.joined.insert(address);
                }
                Err(error) if !before.addresses.contains(&address) => {
                    tracing::warn!(
                        "{} ({address}): cameras are not heard: {error}",
                        interface.name
                    );
                }
                Err(_) => {}
            }
        }
        if own.joined.is_empty() && (before.addresses.is_empty() || !before.joined.is_empty()) {
            match self.settings.address {
                Some(address) => tracing::error!(
                    "[AUTOBACKUP] ADDRESS: no interface of this machine has {address}; cameras do \
                     not find the server"
                ),
                None => tracing::error!("no network interface hears cameras that search"),
            }
        }
        own
    }
}

/// What is known of this machine.
#[derive(Default)]
struct Own {
    addresses: HashSet<Ipv4Addr>,
    /// Those whose interfaces are in the group.
    joined: HashSet<Ipv4Addr>,
}

fn open() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // Other UPnP servers of the machine hear searches as well.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}
