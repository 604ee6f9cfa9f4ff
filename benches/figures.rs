//! The figures that Afterimage is judged by, measured on this machine:
//! `cargo bench --bench figures`. With a folder as argument, files go there;
//! choose the disk that you want to know about.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

mod server;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use afterimage::action_name::ActionName;
use afterimage::capability::Facilities;
use afterimage::component::compile;
use afterimage::config::Config;
use afterimage::plugin::Loader;
use afterimage::upload::{Delivery, FileNotes, Origin, Upload, WorkingCopy};
use tempfile::TempDir;

use server::{Server, connect, email};

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
    println!("memory, idle            {:8.1} MiB", server.memory("VmRSS"));
}

/// One `check` and one `deliver` of `ignore` through the sandbox.
fn rounds(folder: &Path) {
    fs::write(folder.join("ignore.toml"), "[ACTIONS]\nfacebook = \"ignore\"\n").unwrap();
    let config = Config::load(&folder.join("ignore.toml")).unwrap();
    let Config { upload_folder, mail, .. } = &config;
    let facilities = Facilities::new(upload_folder, mail.clone(), String::new()).unwrap();
    let facilities = Arc::new(facilities);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loader = Loader::new(folder.join("compiled"), folder.join("scratch")).unwrap();
        let actions = loader.actions(&config.actions, &facilities).await.unwrap();
        let name = ActionName { plugin: "ignore".to_owned(), instance: None };
        let action = actions[&name].clone();
        let delivery = Arc::new(Delivery {
            id: "bench".to_owned(),
            attempt: 1,
            action: name,
            upload: Arc::new(upload()),
            recipients: vec!["a@example.org".to_owned()],
            folders: None,
            copy: WorkingCopy::of(folder.to_owned()),
            notes: Arc::new(FileNotes(folder.join("notes"))),
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
        attributes: Vec::new(),
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

    let config = "[ACTIONS]\n\"a@example.org\" = \"ignore\"\n";
    let (_, server) = Server::start(folder, config);
    let before = server.memory("VmHWM");
    let upload = |camera: u8, text: &str| {
        let file = File::open(&source).unwrap();
        email(connect(server.address, camera), text, file, LENGTH);
    };
    let (mut copies, mut uploads) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let copy = folder.join("copy");
        let start = Instant::now();
        assert!(Command::new("cp").arg(&source).arg(&copy).status().unwrap().success());
        File::open(&copy).unwrap().sync_all().unwrap();
        copies.push(start.elapsed());
        fs::remove_file(copy).unwrap();

        let start = Instant::now();
        upload(1, &round.to_string());
        uploads.push(start.elapsed());
    }
    let rate = |times: &[Duration]| {
        let best = times.iter().min().unwrap();
        LENGTH as f64 / 1e6 / best.as_secs_f64()
    };
    let (copied, uploaded) = (rate(&copies), rate(&uploads));
    println!("cp and sync of 1 GiB    {copied:8.0} MB/s");
    println!(
        "e-mail of 1 GiB to disk {uploaded:8.0} MB/s  ({:.0} % of cp and sync)",
        uploaded / copied * 100.0
    );
    println!("memory grown by three   {:8.1} MiB", server.memory("VmHWM") - before);
    std::thread::scope(|scope| {
        for camera in 1..=3 {
            scope.spawn(move || upload(camera, &format!("at once {camera}")));
        }
    });
    println!("and by three at once    {:8.1} MiB", server.memory("VmHWM") - before);
}
