//! How fast uploads become durable: `cargo bench --bench throughput`.
//!
//! One camera with 5 MB photos beside `cp` and `sync` of the same bytes on the
//! same disk; 100 kB photos of one camera and of fifty at once. The folder is
//! a temporary one, so `TMPDIR` chooses the disk.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const TIME: Duration = Duration::from_secs(5);

/// Makes every upload another one.
static COUNT: AtomicU64 = AtomicU64::new(0);

fn main() {
    let folder = TempDir::new().unwrap();
    let (server, address) = serve(folder.path());
    let cp = copy_and_sync(folder.path(), 5_000_000);
    let large = uploads(address, 1, 5_000_000);
    println!("5 MB, cp + sync:      {cp:8.1} MB/s");
    println!(
        "5 MB, one camera:     {:8.1} MB/s  ({:.2} of cp + sync)",
        large * 5.0,
        large * 5.0 / cp
    );
    let one = uploads(address, 1, 100_000);
    let fifty = uploads(address, 50, 100_000);
    println!("100 kB, one camera:   {one:8.1} uploads/s");
    println!("100 kB, 50 cameras:   {fifty:8.1} uploads/s  ({:.1} times one)", fifty / one);
    end(server);
}

fn serve(folder: &Path) -> (Child, SocketAddr) {
    let config = "[ACTIONS]\n\"a@example.org\" = \"ignore\"\n";
    fs::write(folder.join("config.toml"), config).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("AFTERIMAGE_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (server, line.trim().rsplit(' ').next().unwrap().parse().unwrap())
}

fn end(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Megabytes a second.
fn copy_and_sync(folder: &Path, size: usize) -> f64 {
    let original = folder.join("original");
    fs::write(&original, vec![7; size]).unwrap();
    let begin = Instant::now();
    let mut bytes = 0;
    let mut number = 0;
    while begin.elapsed() < TIME {
        number += 1;
        let copy = folder.join(format!("copy-{number}"));
        fs::copy(&original, &copy).unwrap();
        File::open(&copy).unwrap().sync_all().unwrap();
        fs::remove_file(copy).unwrap();
        bytes += size;
    }
    bytes as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// Uploads a second that heard OK.
fn uploads(address: SocketAddr, cameras: usize, size: usize) -> f64 {
    let begin = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let camera = || {
            let mut done = 0;
            while begin.elapsed() < TIME {
                upload(address, size);
                done += 1;
            }
            done
        };
        let cameras: Vec<_> = (0..cameras).map(|_| scope.spawn(camera)).collect();
        cameras.into_iter().map(|camera| camera.join().unwrap()).sum()
    });
    done as f64 / begin.elapsed().as_secs_f64()
}

fn upload(address: SocketAddr, size: usize) {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"message\"\r\n\r\n\
         <email><sender>Camera@samsungcamera.com</sender><receiverList><receiver>a@example.org\
         </receiver></receiverList><title>t</title><body>{count}</body></email>\r\n--b\r\n\
         content-disposition: form-data; name=\"binary\"; fileName=\"A.JPG\"\r\n\
         content-Type: image/jpeg\r\n\r\n{count}"
    )
    .into_bytes();
    body.resize(body.len() + size, 7);
    body.extend_from_slice(b"\r\n--b\r\n");
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /social/columbus/email HTTP/1.0\r\nContent-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("succ"), "{answer}");
}
