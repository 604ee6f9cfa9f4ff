//! A server to measure, and cameras that send to it.

#![allow(dead_code, reason = "each benchmark uses its part")]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// A running server; ends with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts one in `folder` with this `config.toml`; how long it took until
    /// cameras could connect.
    pub fn start(folder: &Path, config: &str) -> (Duration, Self) {
        Self::start_with(folder, config, |_| {})
    }

    /// The same after `change` to its command.
    pub fn start_with(
        folder: &Path,
        config: &str,
        change: impl FnOnce(&mut Command),
    ) -> (Duration, Self) {
        fs::write(folder.join("config.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
        command
            .args(["serve", "--config"])
            .arg(folder.join("config.toml"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        change(&mut command);
        let start = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        (start.elapsed(), Self { child, address })
    }

    /// A line of `/proc/<pid>/status`, in MiB.
    pub fn memory(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one file of so many bytes as an e-mail of `text` and reads the answer,
/// which must be OK.
pub fn email(mut stream: TcpStream, text: &str, mut file: impl Read, length: u64) {
    let begin = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"message\"\r\n\r\n\
         <email><sender>Camera@samsungcamera.com</sender><receiverList><receiver>\
         a@example.org</receiver></receiverList><title>t</title><body>{text}</body></email>\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"binary\"; fileName=\"A.MP4\"\
         \r\n\r\n"
    );
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let length = begin.len() as u64 + length + end.len() as u64;
    // In one piece: `write!` into a socket would send a packet for each part.
    let head = format!(
        "POST /social/columbus/email HTTP/1.0\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Content-Length: {length}\r\n\r\n{begin}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    io::copy(&mut file, &mut stream).unwrap();
    stream.write_all(end.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("succ"), "{answer}");
}

/// A connection of the camera with this number, which has an address of its
/// own: one address gets so many connections and no more.
pub fn connect(server: SocketAddr, camera: u8) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 1, camera], 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}
