//! The figures that Afterimage is judged by, measured on this machine:
//! `cargo bench --bench figures`. With a folder as argument, files go there;
//! choose the disk that you want to know about.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use afterimage::capability::Facilities;
use afterimage::config::{ActionName, Config};
use afterimage::plugin::{Loader, compile};
use afterimage::upload::{Delivery, Origin, Upload};
use tempfile::TempDir;

const BOUNDARY: &str = "---------------------------7d93b9550d4a";

fn main() {
    // The loader starts its own program again to compile; here that is this one.
    if std::env::args().nth(1).as_deref() == Some(compile::COMMAND) {
        return compile::child().unwrap();
    }
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = TempDir::new_in(parent).unwrap();
    starts(folder.path());
    rounds(folder.path());
    ingest(folder.path());
}

/// Time from the command to the first line that says it listens, first with an
/// empty cache of compiled plugins, then with a filled one.
fn starts(folder: &Path) {
    let (first, server) = Server::start(folder, "");
    drop(server);
    let mut warm: Vec<Duration> = (0..20).map(|_| Server::start(folder, "").0).collect();
    warm.sort();
    let (_, server) = Server::start(folder, "");
    println!("start, first            {:8.1} ms", first.as_secs_f64() * 1e3);
    println!("start, warm, median     {:8.1} ms", warm[10].as_secs_f64() * 1e3);
    println!("memory, idle            {:8.1} MiB", server.memory("VmRSS") as f64 / 1024.0);
}

/// One `check` and one `deliver` of `ignore` through the sandbox.
fn rounds(folder: &Path) {
    fs::write(folder.join("ignore.toml"), "[ACTIONS]\nfacebook = \"ignore\"\n").unwrap();
    let config = Config::load(&folder.join("ignore.toml")).unwrap();
    let facilities = Arc::new(Facilities::of(&config, String::new()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loader = Loader::new(folder.join("compiled"), folder.join("scratch")).unwrap();
        let actions = loader.actions(&config, &facilities).await.unwrap();
        let name = ActionName { plugin: "ignore".to_owned(), instance: None };
        let action = actions[&name].clone();
        let delivery = Arc::new(Delivery {
            id: "bench".to_owned(),
            attempt: 1,
            action: name,
            upload: Arc::new(upload()),
            recipients: vec!["a@example.org".to_owned()],
            folder: folder.to_owned(),
            notes: folder.join("notes"),
        });
        let mut times = Vec::new();
        for _ in 0..5_000 {
            let start = Instant::now();
            action.check(&delivery).await.unwrap();
            action.deliver(&delivery).await.unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        let micros = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e6;
        println!("check + deliver, median {:8.1} us", micros(0.5));
        println!("check + deliver, 99 %   {:8.1} us", micros(0.99));
    });
}

fn upload() -> Upload {
    Upload {
        id: "bench".to_owned(),
        origin: Origin::Email,
        sender: "a@example.org".to_owned(),
        recipients: vec!["a@example.org".to_owned()],
        subject: "subject".to_owned(),
        body: "text".to_owned(),
        camera: None,
        received_at: SystemTime::now(),
        files: Vec::new(),
    }
}

/// An e-mail with one large file, durable when it is answered, against `cp`
/// followed by `sync` of the same file on the same disk.
fn ingest(folder: &Path) {
    const LENGTH: u64 = 1 << 30;
    let source = folder.join("large.mp4");
    let mut file = File::create(&source).unwrap();
    let block: Vec<u8> =
        (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for _ in 0..LENGTH >> 20 {
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();

    let (_, server) = Server::start(folder, "[ACTIONS]\n\"a@example.org\" = \"ignore\"\n");
    let before = server.memory("VmHWM");
    let (mut copies, mut uploads) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let copy = folder.join("copy");
        let start = Instant::now();
        assert!(Command::new("cp").arg(&source).arg(&copy).status().unwrap().success());
        File::open(&copy).unwrap().sync_all().unwrap();
        copies.push(start.elapsed());
        fs::remove_file(copy).unwrap();

        let start = Instant::now();
        assert!(server.email(&source).contains("succ"));
        uploads.push(start.elapsed());
    }
    let rate = |times: &[Duration]| {
        let best = times.iter().min().unwrap();
        LENGTH as f64 / 1e6 / best.as_secs_f64()
    };
    println!("cp and sync of 1 GiB    {:8.0} MB/s", rate(&copies));
    println!("e-mail of 1 GiB to disk {:8.0} MB/s", rate(&uploads));
    let grown = server.memory("VmHWM") - before;
    println!("memory grown by that    {:8.1} MiB", grown as f64 / 1024.0);
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, config: &str) -> (Duration, Self) {
        fs::write(folder.join("config.toml"), config).unwrap();
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_afterimage"))
            .args(["serve", "--config"])
            .arg(folder.join("config.toml"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        (start.elapsed(), Self { child, address })
    }

    /// A line of `/proc/<pid>/status`, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn email(&self, file: &Path) -> String {
        let message = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"message\"\r\n\r\n\
             <email><sender>Camera@samsungcamera.com</sender><receiverList><receiver>\
             a@example.org</receiver></receiverList></email>\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"binary\"; fileName=\"A.MP4\"\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let mut file = File::open(file).unwrap();
        let length = message.len() as u64 + file.metadata().unwrap().len() + end.len() as u64;
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /social/columbus/email HTTP/1.0\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
             Content-Length: {length}\r\n\r\n{message}"
        )
        .unwrap();
        io::copy(&mut file, &mut stream).unwrap();
        stream.write_all(end.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
