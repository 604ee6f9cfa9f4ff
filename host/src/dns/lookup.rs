//! Asks a name server where the cameras' names lead.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

/// Where the system's name servers are listed.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Port of name servers.
const PORT: u16 = 53;

/// Wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Datagrams get lost.
const TRIES: usize = 3;

/// Largest answer that is read.
const LARGEST: usize = 4 << 10;

/// Why a name server did not say where a name leads.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// Nothing came back.
    #[error("{0} does not answer; is it a name server, and can this machine reach it?")]
    Silent(SocketAddr),
    /// It said that the name does not exist.
    #[error("{0} says that there is no such name")]
    NoSuchName(SocketAddr),
    /// It will not say, or cannot.
    #[error("{0} answers {1}")]
    Failed(SocketAddr, String),
    /// The system's words.
    #[error("{0}")]
    Network(#[from] io::Error),
}

/// The first name server of this machine, as its C library would ask it.
///
/// # Errors
/// The file that lists them cannot be read or lists none.
pub fn resolver() -> io::Result<SocketAddr> {
    let text = fs::read_to_string(RESOLV_CONF)?;
    let listed = text.lines().find_map(|line| {
        let address = line.strip_prefix("nameserver")?.split_whitespace().next()?;
        address.split('%').next()?.parse::<IpAddr>().ok()
    });
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("{RESOLV_CONF} lists none"));
    listed.map(|address| SocketAddr::new(address, PORT)).ok_or_else(none)
}

/// The address that this machine sends from when it talks to its network; no
/// datagram is sent.
///
/// # Errors
/// It has none.
pub fn own_address() -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Documentation's address (RFC 5737): only the way to it is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), PORT))?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(address) if !address.is_unspecified() => Ok(address),
        _ => Err(io::Error::other("this machine has no address in a network")),
    }
}

/// The addresses that `name` leads to, as `server` says.
///
/// # Errors
/// It does not say.
pub fn addresses(server: SocketAddr, name: &str) -> Result<Vec<Ipv4Addr>, LookupError> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let id = u16::from_be_bytes(id);
    let mut question = Packet::new_query(id);
    question.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Question::new(Name::new_unchecked(name), TYPE::A.into(), CLASS::IN.into(), false);
    question.questions.push(asked);
    let question = question.build_bytes_vec().map_err(io::Error::other)?;

    let mut bytes = [0; LARGEST];
    for _ in 0..TRIES {
        let socket = UdpSocket::bind((any, 0))?;
        // Only what comes from there is received.
        socket.connect(server)?;
        socket.send(&question)?;
        let until = Instant::now() + TIMEOUT;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let Ok(length) = socket.recv(&mut bytes) else { break };
            let Ok(answer) = Packet::parse(&bytes[..length]) else { continue };
            if answer.id() == id && answer.has_flags(PacketFlag::RESPONSE) {
                return read(server, &answer);
            }
        }
    }
    Err(LookupError::Silent(server))
}

fn read(server: SocketAddr, answer: &Packet<'_>) -> Result<Vec<Ipv4Addr>, LookupError> {
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err(LookupError::NoSuchName(server)),
        other => return Err(LookupError::Failed(server, format!("{other:?}"))),
    }
    // Whatever names stand between, the addresses are what a camera dials.
    let addresses = answer.answers.iter().filter_map(|record| match &record.rdata {
        RData::A(a) => Some(Ipv4Addr::from(a.address)),
        _ => None,
    });
    Ok(addresses.collect())
}
