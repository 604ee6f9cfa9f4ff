//! A queue of ten thousand deliveries: `cargo bench --bench backlog`. With a
//! folder as argument, files go there. How fast it fills, what it costs to
//! start with, to look at and to hold, and how fast it empties.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use server::{Server, connect, email};

const MANY: u64 = 10_000;
const CAMERAS: u8 = 50;

/// Nothing is tried before an operator says so.
const CONFIG: &str = "RETRY_DELAYS = [\"1 h\"]\n[ACTIONS]\n\"a@example.org\" = \"ignore\"\n";

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = TempDir::new_in(parent).unwrap();
    let folder = folder.path();
    drop(Server::start(folder, CONFIG));
    let (started, server) = Server::start(folder, CONFIG);
    println!("start, nothing waits    {:8.1} ms", started.as_secs_f64() * 1e3);
    println!("memory, nothing waits   {:8.1} MiB", server.memory("VmRSS"));
    let filled = fill(&server);
    println!("10 000 uploads          {:8.1} s", filled.as_secs_f64());
    println!("memory, 10 000 wait     {:8.1} MiB", server.memory("VmRSS"));
    drop(server);

    let (started, server) = Server::start(folder, CONFIG);
    println!("start, 10 000 wait      {:8.1} ms", started.as_secs_f64() * 1e3);
    println!("memory after that       {:8.1} MiB", server.memory("VmRSS"));
    println!("queue list              {:8.1} ms", queue(folder, &["list"]).0.as_secs_f64() * 1e3);
    println!(
        "queue show              {:8.1} ms",
        queue(folder, &["show", "5000"]).0.as_secs_f64() * 1e3
    );

    let start = Instant::now();
    queue(folder, &["retry", "--all"]);
    while !queue(folder, &["list"]).1.contains("nothing is waiting") {
        std::thread::sleep(Duration::from_millis(250));
    }
    println!("10 000 deliveries       {:8.1} s", start.elapsed().as_secs_f64());
    println!("memory at most          {:8.1} MiB", server.memory("VmHWM"));
}

/// Lets all cameras send until there are enough; how long that takes.
fn fill(server: &Server) -> Duration {
    let count = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for camera in 1..=CAMERAS {
            let count = &count;
            scope.spawn(move || {
                loop {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    if number >= MANY {
                        return;
                    }
                    let photo = vec![7; 1_000];
                    let stream = connect(server.address, camera);
                    email(stream, &number.to_string(), &photo[..], 1_000);
                }
            });
        }
    });
    start.elapsed()
}

/// Runs `afterimage queue`; how long it took, and what it printed.
fn queue(folder: &Path, arguments: &[&str]) -> (Duration, String) {
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .arg("queue")
        .arg("--config")
        .arg(folder.join("config.toml"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (start.elapsed(), String::from_utf8(output.stdout).unwrap())
}
