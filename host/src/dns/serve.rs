//! Questions from the network, by UDP and TCP.

use std::collections::HashSet;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use simple_dns::Packet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};

use super::zones::{self, NAMES};
use super::{Settings, answer};

/// Datagrams that are taken from the kernel at once.
const BATCH: usize = 8;

/// The kernel may hand over several datagrams of one sender in one piece.
const BUFFER: usize = 64 << 10;

/// Longest question by TCP, in bytes; a name has 255 at most.
const LONGEST: usize = 4 << 10;

/// Connections at once. Cameras ask by UDP; this is for resolvers that insist.
const CONNECTIONS: usize = 32;

/// Time for a question by TCP and the way back of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions that one connection may ask.
const QUESTIONS: usize = 64;

/// Names that are told to the log, in the life of the server.
const TOLD: usize = 64;

/// Ports that are tried where the system chooses one.
const TRIES: usize = 16;

/// Pause after the kernel refused a socket call, so that a lasting refusal
/// does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers questions for the cameras' names.
pub struct Responder {
    settings: Settings,
    udp: UdpSocket,
    state: UdpSocketState,
    tcp: TcpListener,
    told: Mutex<HashSet<String>>,
}

impl Responder {
    /// Takes the port.
    ///
    /// # Errors
    /// The system's: another program has it, or it is not this user's to take.
    pub async fn bind(settings: Settings) -> io::Result<Self> {
        let mut tries = if settings.listen.port() == 0 { TRIES } else { 1 };
        loop {
            let udp = UdpSocket::bind(settings.listen).await?;
            // The same one where the system chooses, which somebody else may
            // have for TCP.
            match TcpListener::bind(udp.local_addr()?).await {
                Ok(tcp) => return Self::on(settings, udp, tcp),
                Err(error) if tries == 1 => return Err(error),
                Err(_) => tries -= 1,
            }
        }
    }

    /// Answers on sockets that are open already.
    ///
    /// # Errors
    /// The system's.
    pub fn on(settings: Settings, udp: UdpSocket, tcp: TcpListener) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&udp))?;
        Ok(Self { settings, udp, state, tcp, told: Mutex::default() })
    }

    /// Where it answers.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Answers until `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let responder = Arc::new(self);
        tokio::select! {
            () = responder.datagrams() => {}
            () = responder.clone().connections() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn datagrams(&self) {
        let mut bytes: Vec<Vec<u8>> = (0..BATCH).map(|_| vec![0; BUFFER]).collect();
        let mut metas = [RecvMeta::default(); BATCH];
        loop {
            let received = {
                let mut slices: Vec<IoSliceMut<'_>> =
                    bytes.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
                let receive =
                    || self.state.recv(UdpSockRef::from(&self.udp), &mut slices, &mut metas);
                self.udp.async_io(Interest::READABLE, receive).await
            };
            let count = match received {
                Ok(count) => count,
                Err(error) => {
                    tracing::debug!("names: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            for (meta, bytes) in metas.iter().zip(&bytes).take(count) {
                // One at least: an empty datagram has no stride.
                for question in bytes[..meta.len].chunks(meta.stride.max(1)) {
                    self.datagram(question, meta).await;
                }
            }
        }
    }

    async fn datagram(&self, question: &[u8], meta: &RecvMeta) {
        let Some(answer) = self.answer(question, meta.addr.ip(), meta.dst_ip) else { return };
        let transmit = Transmit {
            destination: meta.addr,
            ecn: None,
            contents: &answer,
            segment_size: None,
            // From the address that was asked, where the machine has several.
            src_ip: meta.dst_ip,
        };
        let send = || self.state.try_send(UdpSockRef::from(&self.udp), &transmit);
        if let Err(error) = self.udp.async_io(Interest::WRITABLE, send).await {
            tracing::debug!("names: no answer to {}: {error}", meta.addr);
        }
    }

    async fn connections(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let (stream, from) = match self.tcp.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!("names: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // Without a place it is closed, and asks again.
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            let responder = self.clone();
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = responder.connection(stream, from.ip()).await {
                    tracing::debug!("names: {from}: {error}");
                }
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream, from: IpAddr) -> io::Result<()> {
        let here = stream.local_addr()?.ip();
        let mut question = Vec::new();
        for _ in 0..QUESTIONS {
            let exchange = async {
                let length = match stream.read_u16().await {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                    length => usize::from(length?),
                };
                if length > LONGEST {
                    return Ok(false);
                }
                question.resize(length, 0);
                stream.read_exact(&mut question).await?;
                let Some(answer) = self.answer(&question, from, Some(here)) else {
                    return Ok(false);
                };
                let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
                stream.write_all(&[&length, answer.as_slice()].concat()).await?;
                Ok(true)
            };
            let more: io::Result<bool> = tokio::time::timeout(CONNECTION_TIMEOUT, exchange).await?;
            if !more? {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, question: &[u8], from: IpAddr, to: Option<IpAddr>) -> Option<Vec<u8>> {
        let may_ask = self.settings.from.contain(from);
        let address = self.settings.address.or_else(|| to.and_then(ipv4));
        if may_ask {
            self.tell(question, from);
        }
        answer(question, address, may_ask)
    }

    /// Tells the log of a name that nobody has seen a camera ask for: that is
    /// how a new model gets understood.
    fn tell(&self, question: &[u8], from: IpAddr) {
        let Ok(packet) = Packet::parse(question) else { return };
        let Some(asked) = packet.questions.first() else { return };
        if !zones::is_answered(&asked.qname) {
            return;
        }
        let name = asked.qname.to_string().to_ascii_lowercase();
        if NAMES.contains(&name.as_str()) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD && told.insert(name.clone()) {
            tracing::info!("{from} looks up {name}, which no known camera asks for; it leads here");
        }
    }
}

/// The IPv4 address that this is.
fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
