//! As a service: what a manager hears, and sockets that it opens.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, send_to};

#[test]
fn a_manager_hears_when_cameras_can_connect_that_it_lives_and_that_it_stops() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let server = Server::start_with(command, TempDir::new().unwrap(), "");
    let mut words = Vec::new();
    while !(words.iter().any(|w: &String| w.contains("READY=1"))
        && words.iter().any(|w| w.contains("WATCHDOG=1")))
    {
        words.push(heard());
    }
    assert!(words.iter().any(|w| w.contains("STATUS=answers cameras on 127.0.0.1:")), "{words:?}");
    server.terminate();
    while !heard().contains("STOPPING=1") {}
    server.ended();
}

#[test]
fn cameras_connect_to_a_socket_that_a_manager_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("config.toml"), "LISTEN = \"127.0.0.1:1\"\n").unwrap();
    // The shell has the process id that the program keeps.
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=cameras \
                  exec \"$0\" serve";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_afterimage")])
        .current_dir(folder.path())
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The kernel takes the connection before the server does.
    let answer = send_to(address, &Request::new().bytes()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.contains(SUCCESS), "{answer}");
}
