//! How fast uploads become durable: `cargo bench --bench throughput`. With a
//! folder as argument, files go there; choose the disk that you want to know
//! about.
//!
//! One camera with 5 MB photos beside `cp` and `sync` of the same bytes on the
//! same disk; 100 kB photos of one camera and of fifty at once. The latter also
//! with every sync some milliseconds slower, since it is what a sync costs that
//! decides how much is won when cameras share it: a disk that answers from its
//! memory, as those of many virtual machines do, leaves the CPU to decide.

#![allow(
    missing_docs,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark"
)]

#[path = "../tests/fixture/preload.rs"]
mod preload;
mod server;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use server::{Server, connect, email};

const TIME: Duration = Duration::from_secs(5);

/// Makes every upload another one.
static COUNT: AtomicU64 = AtomicU64::new(0);

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = TempDir::new_in(parent).unwrap();
    let config = "[ACTIONS]\n\"a@example.org\" = \"ignore\"\n";
    let (_, server) = Server::start(folder.path(), config);
    let cp = copies(folder.path(), 5_000_000);
    let large = uploads(server.address, 1, 5_000_000);
    println!("5 MB, cp and sync       {:8.1} MB/s", cp * 5.0);
    println!(
        "5 MB, one camera        {:8.1} MB/s  ({:.0} % of cp and sync)",
        large * 5.0,
        large / cp * 100.0
    );
    small(&server, "");
    drop(server);
    let Some(library) = preload::preload("slow_sync", folder.path()) else { return };
    for slower in [1, 5] {
        let slow = |server: &mut Command| {
            server.env("LD_PRELOAD", &library).env("SLOW_SYNC", (slower * 1000).to_string());
        };
        let (_, server) = Server::start_with(folder.path(), config, slow);
        small(&server, &format!(", syncs {slower} ms slower"));
    }
}

/// Small photos of one camera and of fifty.
fn small(server: &Server, disk: &str) {
    let one = uploads(server.address, 1, 100_000);
    let fifty = uploads(server.address, 50, 100_000);
    println!("100 kB, one camera      {one:8.1} uploads/s{disk}");
    println!("100 kB, 50 cameras      {fifty:8.1} uploads/s  ({:.1} times one)", fifty / one);
}

/// Copies a second, each followed by `sync`.
fn copies(folder: &Path, size: usize) -> f64 {
    let original = folder.join("original");
    fs::write(&original, vec![7; size]).unwrap();
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < TIME {
        count += 1;
        let copy = folder.join(format!("copy-{count}"));
        fs::copy(&original, &copy).unwrap();
        File::open(&copy).unwrap().sync_all().unwrap();
        fs::remove_file(copy).unwrap();
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

/// Uploads a second that heard OK.
fn uploads(address: SocketAddr, cameras: u8, size: usize) -> f64 {
    let begin = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let send = |camera| {
            let mut done = 0;
            let mut bytes = vec![7; size];
            while begin.elapsed() < TIME {
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                bytes[..8].copy_from_slice(&count.to_be_bytes());
                email(connect(address, camera), "", &bytes[..], size as u64);
                done += 1;
            }
            done
        };
        let cameras: Vec<_> =
            (1..=cameras).map(|camera| scope.spawn(move || send(camera))).collect();
        cameras.into_iter().map(|camera| camera.join().unwrap()).sum()
    });
    done as f64 / begin.elapsed().as_secs_f64()
}
