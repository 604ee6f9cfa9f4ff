//! Sockets that a service manager opened already (`LISTEN_FDS`, systemd's
//! socket units): ports below 1024 without any right of this program's own.

use std::env;
use std::io;
use std::net::{TcpListener, UdpSocket};

use listenfd::ListenFd;

/// What was handed over, by the names of the units in `packaging/`.
#[derive(Default)]
pub(super) struct Handed {
    /// `cameras`, or whatever listens and has no name that is known.
    pub(super) cameras: Option<TcpListener>,
    /// `pages`.
    pub(super) pages: Option<TcpListener>,
    /// `names`, UDP.
    pub(super) questions: Option<UdpSocket>,
    /// `names`, TCP.
    pub(super) names: Option<TcpListener>,
}

impl Handed {
    /// Takes what is there.
    ///
    /// # Errors
    /// A socket is of a kind that nothing here listens on.
    pub(super) fn take() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut sockets = ListenFd::from_env();
        let mut handed = Self::default();
        for (index, name) in
            (0..sockets.len()).zip(names.split(':').chain([""].into_iter().cycle()))
        {
            if let Ok(Some(socket)) = sockets.take_udp_socket(index) {
                socket.set_nonblocking(true)?;
                handed.questions = Some(socket);
                continue;
            }
            let Some(listener) = sockets.take_tcp_listener(index)? else { continue };
            listener.set_nonblocking(true)?;
            let place = match name {
                "names" => &mut handed.names,
                "pages" => &mut handed.pages,
                _ => &mut handed.cameras,
            };
            *place = Some(listener);
        }
        Ok(handed)
    }
}
