//! What crowds cost: memory at the peak and two seconds later, and how long an
//! honest login takes meanwhile. `cargo bench --bench memory`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

mod server;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use afterimage::emulator::Model;
use afterimage::emulator::request::email;
use afterimage::emulator::request::social::{self, Login};
use tempfile::TempDir;

use server::{Server, connect};

/// What each crowd must stay under, in MiB.
const CONNECTIONS: (f64, f64) = (96.0, 40.0);
const PASSWORDS: f64 = 64.0;
const UPLOADS: f64 = 48.0;

fn main() {
    let folder = TempDir::new().unwrap();
    let (_, server) = Server::start(folder.path(), "");
    println!("idle                              {:6.1} MiB", server.memory("VmRSS"));
    drop(server);
    connections(folder.path());
    passwords(folder.path());
    uploads(folder.path());
}

fn judged(value: f64, most: f64) -> String {
    format!("{value:6.1} MiB, {} {most}", if value < most { "under" } else { "OVER" })
}

/// 512 connections of 8 addresses that hold a mebibyte each and then go.
fn connections(folder: &Path) {
    let (_, server) = Server::start(folder, "");
    let head = email::head(Model::Nx300, 8 << 20);
    let part = email::file_part("A.JPG", "image/jpeg");
    let mut streams: Vec<TcpStream> =
        (0..512_usize).map(|n| connect(server.address, u8::try_from(n % 8).unwrap() + 1)).collect();
    let mebibyte = vec![0x5a; 1 << 20];
    for stream in &mut streams {
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(part.as_bytes()).unwrap();
        stream.write_all(&mebibyte).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    let (peak, held) = (server.memory("VmHWM"), server.memory("VmRSS"));
    drop(streams);
    std::thread::sleep(Duration::from_secs(2));
    println!("512 connections with 1 MiB, peak  {}", judged(peak, CONNECTIONS.0));
    println!("  while they wait                 {held:6.1} MiB");
    println!("  2 s after they went             {}", judged(server.memory("VmRSS"), CONNECTIONS.1));
}

/// 200 wrong passwords, and an honest login while 1 and 7 addresses guess.
fn passwords(folder: &Path) {
    let hash = afterimage::password::hash("secret").unwrap();
    let config = format!("[SENDERS]\n\"Camera@samsungcamera.com\" = \"{hash}\"\n");
    let (_, server) = Server::start(folder, &config);
    for n in 0..200_u8 {
        log_in(server.address, n / 4 + 1, "wrong");
    }
    println!("200 wrong passwords, peak         {}", judged(server.memory("VmHWM"), PASSWORDS));
    drop(server);
    for guessers in [0_u8, 1, 7] {
        let (_, server) = Server::start(folder, &config);
        let stop = AtomicBool::new(false);
        let mut times = Vec::new();
        std::thread::scope(|scope| {
            for guesser in 0..guessers {
                let (stop, address) = (&stop, server.address);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        log_in(address, 100 + guesser, "wrong");
                    }
                });
            }
            for _ in 0..20 {
                let begun = Instant::now();
                assert!(log_in(server.address, 1, "secret").starts_with("HTTP/1.1 200"));
                times.push(begun.elapsed());
            }
            stop.store(true, Ordering::Relaxed);
        });
        let longest = times.iter().max().unwrap().as_secs_f64();
        println!("honest login, {guessers} addresses guess    {longest:6.3} s at most");
    }
}

fn log_in(server: SocketAddr, address: u8, password: &str) -> String {
    let body = Login::of(Model::Nx300, "Camera@samsungcamera.com", password).unwrap().xml();
    let head = social::post_head(Model::Nx300, "/facebook/auth", body.len());
    let mut stream = connect(server, address);
    let mut answer = String::new();
    // One that had to give way is answered by a reset.
    let _ = stream.write_all([head, body].concat().as_bytes());
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// 100 uploads of 1 MB at 300 kB/s from one address.
fn uploads(folder: &Path) {
    let (_, server) = Server::start(folder, "[ACTIONS]\n\"a@example.org\" = \"ignore\"\n");
    let address = server.address;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..100_usize {
            scope.spawn(move || {
                let source = Slow { left: 1_000_000, begun: Instant::now(), sent: 0 };
                server::email(connect(address, 1), &number.to_string(), source, 1_000_000);
            });
        }
    });
    println!("100 uploads of 1 MB, peak         {}", judged(server.memory("VmHWM"), UPLOADS));
    println!("  all succeed                     {:6.1} s", begun.elapsed().as_secs_f64());
}

/// Bytes at 300 kB/s.
struct Slow {
    left: usize,
    begun: Instant,
    sent: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.left).min(8 << 10);
        let due = Duration::from_secs_f64(self.sent as f64 / 300e3);
        std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        buffer[..length].fill(0x5a);
        self.left -= length;
        self.sent += length;
        Ok(length)
    }
}
