//! Which of a server's addresses to speak with. Behind one name there are
//! often several, and the first is not always alive: an IPv6 that leads
//! nowhere must not cost all the time there is (RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long one address has before the next is tried beside it (RFC 8305 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const MOST: usize = 16;

/// The addresses of `host`, a name or an address itself.
///
/// # Errors
/// Those of the system's resolver.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.take(MOST).collect();
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "its name has no address")),
        false => Ok(addresses),
    }
}

/// Connects to that of `addresses` which is there first, and takes it out of
/// them.
///
/// # Errors
/// What each of them said.
pub(super) async fn connect(
    addresses: &mut Vec<SocketAddr>,
) -> Result<TcpStream, Vec<(SocketAddr, io::Error)>> {
    let mut attempts = JoinSet::new();
    let mut failed = Vec::new();
    let mut waiting = addresses.clone().into_iter();
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(HEAD_START), if waiting.len() > 0 => continue,
        };
        match ended {
            Some(Ok((address, Ok(stream)))) => {
                addresses.retain(|other| *other != address);
                return Ok(stream);
            }
            Some(Ok((address, Err(error)))) => failed.push((address, error)),
            Some(Err(_)) => {}
            None => return Err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    /// An address where connections are neither made nor refused, as long as
    /// what is returned lives.
    fn silent() -> (SocketAddr, impl Sized) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 3], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut open = Vec::new();
        let wait = Duration::from_millis(100);
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, wait) {
            open.push(stream);
        }
        (address, (socket, open))
    }

    #[tokio::test]
    async fn an_address_that_refuses_or_is_silent_does_not_keep_from_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let refusing = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap();
        let (silent, _open) = silent();
        for first in [refusing, silent] {
            let mut addresses = vec![first, alive];
            let stream = connect(&mut addresses).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), alive);
            assert_eq!(addresses, [first]);
        }
        let failed = connect(&mut vec![refusing]).await.unwrap_err();
        assert_eq!(failed[0].0, refusing);
        assert!(connect(&mut Vec::new()).await.is_err());
    }
}
