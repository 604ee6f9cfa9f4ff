//! Binding a port, and who has it when that fails.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};

use super::build::Unusable;
use super::handed::Handed;
use crate::dns::{self, Responder};

/// Listens on `address`, which `key` of the configuration says, or on what the
/// service manager handed over for it.
///
/// # Errors
/// In words that tell what to do.
pub(super) async fn bind(
    key: &str,
    address: SocketAddr,
    handed: Option<std::net::TcpListener>,
) -> Result<TcpListener, Unusable> {
    let bound = match handed {
        Some(listener) => TcpListener::from_std(listener),
        None => TcpListener::bind(address).await,
    };
    bound.map_err(|error| cannot_listen(key, address, &error))
}

/// Listens for questions after names.
///
/// # Errors
/// In words that tell what to do.
pub(super) async fn names(
    settings: dns::Settings,
    handed: &mut Handed,
) -> Result<Responder, Unusable> {
    let (address, from) = (settings.listen, settings.from.clone());
    let unusable = |error| cannot_listen("DNS_LISTEN", address, &error);
    let responder = match (handed.questions.take(), handed.names.take()) {
        (Some(udp), Some(tcp)) => UdpSocket::from_std(udp)
            .and_then(|udp| Responder::on(settings, udp, TcpListener::from_std(tcp)?)),
        _ => Responder::bind(settings).await,
    };
    let responder = responder.map_err(unusable)?;
    let bound = responder.address().map_err(unusable)?;
    tracing::info!("names of cameras are answered on {bound}, to {from}");
    Ok(responder)
}

pub(super) fn cannot_listen(key: &str, address: SocketAddr, error: &io::Error) -> Unusable {
    let port = address.port();
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 are root's; let systemd open it (a socket unit with \
             ListenStream={port}), or allow it to this program: setcap \
             cap_net_bind_service=+ep afterimage; or set {key} to another port and redirect: \
             nft add rule ip nat prerouting meta l4proto {{ tcp, udp }} th dport {port} redirect \
             to :8080"
        ),
        ErrorKind::AddrInUse => match holder(port) {
            Some(holder) => format!("{holder} has it; stop that or set {key} to another port"),
            None => format!(
                "another program has it (`ss -lntup 'sport = :{port}'` tells root which); stop \
                 that or set {key} to another port"
            ),
        },
        ErrorKind::AddrNotAvailable => format!(
            "this machine has no address {}; `ip address` lists those it has, \"*:{port}\" is \
             all of them",
            address.ip()
        ),
        _ => format!("set {key} to another address or port"),
    };
    Unusable(format!("cannot listen on {address}: {error}; {remedy}"))
}

/// The process that listens on `port`, as far as this user may see it.
fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| listening(table, port))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let id = process.file_name().into_string().ok().filter(|id| id.parse::<u32>().is_ok());
        let Some(id) = id else { continue };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let has_it = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| {
                sockets.iter().any(|socket| target.as_os_str() == socket.as_str())
            })
        });
        if has_it {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {id})", name.trim()));
        }
    }
    None
}

/// The sockets that listen on `port`, as links in `/proc/*/fd` name them.
fn listening(table: &str, port: u16) -> Vec<String> {
    /// TCP_LISTEN of the kernel.
    const LISTEN: &str = "0A";
    let text = fs::read_to_string(table).unwrap_or_default();
    let sockets = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        let (_, written) = local.rsplit_once(':')?;
        let is_it = u16::from_str_radix(written, 16) == Ok(port) && state == LISTEN;
        is_it.then(|| format!("socket:[{inode}]"))
    });
    sockets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_a_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error =
            bind("LISTEN", taken.local_addr().unwrap(), None).await.unwrap_err().to_string();
        let id = std::process::id();
        assert!(error.contains(&format!("(process {id}) has it")), "{error}");
        assert!(error.contains("set LISTEN to another port"), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_told() {
        let error = bind("LISTEN", "192.0.2.1:8080".parse().unwrap(), None).await.unwrap_err();
        assert!(error.to_string().contains("this machine has no address 192.0.2.1"), "{error}");
    }
}
