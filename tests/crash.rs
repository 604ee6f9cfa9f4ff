//! The promise, under `kill -9` and power cuts.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fixture::oracle::{self, Cameras, Heard};
use crate::fixture::peers::{installed, skipped};
use crate::fixture::{SENDER, Server, guest, sha256_of};

/// Rounds of the short and the long form.
const KILLS: usize = 15;
const CUTS: usize = 5;
const LONG: usize = 200;

const CAMERAS: usize = 5;

/// A server for cameras that send to flaky@example.org, its spool in `spool`.
fn config(spool: &Path) -> String {
    let component = guest("flaky-store");
    let sha256 = sha256_of(&component);
    let mut senders: Vec<String> = (0..CAMERAS).map(oracle::sender).collect();
    senders.push(SENDER.to_owned());
    format!(
        "SPOOL_FOLDER = {spool:?}\nMIN_FREE_SPACE = \"0 B\"\nRETRY_DELAYS = [\"0 s\", \"10 ms\"]\n\
         COLLECT_TIMEOUT = \"1 s\"\nSENDERS = {senders:?}\n[AUTOBACKUP]\nSENDER = {SENDER:?}\n\
         ADDRESS = \"127.0.0.1\"\nLISTEN = \"*:0\"\n[ACTIONS]\n\
         \"flaky@example.org\" = \"flaky\"\nfacebook = \"flaky\"\nautobackup = \"flaky\"\n\
         [PLUGINS.flaky]\n\
         COMPONENT = {component:?}\nSHA256 = {sha256:?}\nALLOW = {{ STORE = \"kept\" }}\n"
    )
}

/// How a round ends.
enum Crash {
    Kill,
    /// A stop that waits for nothing.
    Stop,
    PowerCut(Disk),
}

impl Crash {
    /// Ends `server` in the middle of whatever it does; its folder.
    fn strike(&self, server: Server, cameras: Cameras, heard: &Heard) -> TempDir {
        if let Self::PowerCut(disk) = self {
            heard.dark.store(true, Ordering::SeqCst);
            disk.cut();
            // What it does with a disk that refuses everything must do no harm.
            a_moment(10);
        }
        let folder = match self {
            Self::Stop => server.end(),
            _ => server.kill(),
        };
        cameras.stop();
        if let Self::PowerCut(disk) = self {
            disk.remount();
            heard.dark.store(false, Ordering::SeqCst);
        }
        folder
    }

    /// Ends a server that has not got as far as to serve.
    fn strike_at_the_start(&self, folder: &TempDir) {
        let mut server = Command::new(env!("CARGO_BIN_EXE_afterimage"))
            .current_dir(folder.path())
            .args(["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        a_moment(100);
        if let Self::PowerCut(disk) = self {
            disk.cut();
        }
        server.kill().unwrap();
        server.wait().unwrap();
        if let Self::PowerCut(disk) = self {
            disk.remount();
        }
    }
}

fn crash_at_random(what: &str, crash: &Crash, rounds: usize) {
    let mut folder = TempDir::new().unwrap();
    let spool = match crash {
        Crash::Kill | Crash::Stop => folder.path().join("spool"),
        Crash::PowerCut(disk) => disk.mounted.join("spool"),
    };
    let config = config(&spool);
    let hasty = format!("STOP_TIMEOUT = \"0 s\"\n{config}");
    let heard = Arc::new(Heard::default());
    let heard_ok = || heard.ok.lock().unwrap().len();
    for round in 0..rounds {
        let server = Server::start_in(folder, &hasty);
        let cameras = Cameras::start(CAMERAS, &server, &heard);
        cameras.wait_for_ok(heard_ok() + 1 + round % 7);
        a_moment(30);
        folder = crash.strike(server, cameras, &heard);
        if round % 4 == 3 {
            crash.strike_at_the_start(&folder);
        }
        if (round + 1) % 10 == 0 {
            eprintln!("{what}: {} of {rounds}, {} uploads heard OK", round + 1, heard_ok());
        }
    }
    let server = Server::start_in(folder, &config);
    server.settle();
    let files = |delivery: &serde_json::Value| delivery["files"].as_array().unwrap().len();
    let deliveries = server.deliveries(&["--all"]);
    assert!(deliveries.iter().map(files).sum::<usize>() >= heard_ok());
    for origin in ["email", "facebook", "autobackup"] {
        assert!(deliveries.iter().any(|delivery| delivery["origin"] == origin), "{origin}");
    }
    let folder = server.end();
    let crashes = rounds + rounds / 4;
    oracle::assert_promise(&heard, &folder.path().join("upload/kept"), &spool, crashes);
}

/// Lets a time pass that no answer decides, at most so many milliseconds: a
/// crash must be able to hit any point of an upload, a delivery or a start.
fn a_moment(milliseconds: u64) {
    let random = RandomState::new().hash_one(());
    std::thread::sleep(Duration::from_micros(random % (milliseconds * 1000)));
}

#[test]
fn nothing_is_lost_when_the_server_is_killed() {
    crash_at_random("kills", &Crash::Kill, KILLS);
}

#[test]
fn nothing_is_lost_when_the_server_stops_at_once() {
    crash_at_random("stops", &Crash::Stop, KILLS);
}

#[test]
#[ignore = "the long form: cargo test --test suite -- --ignored --nocapture long_form"]
fn nothing_is_lost_in_the_long_form_of_kills() {
    crash_at_random("kills", &Crash::Kill, LONG);
}

fn cut_power(file_system: &str, rounds: usize) {
    if !oracle::is_root() || !["losetup", "mount"].into_iter().all(oracle::has) {
        return;
    }
    let test = format!("power cuts on {file_system}");
    let Some(tools) = installed("xfs/bin") else { return };
    let images = TempDir::new().unwrap();
    match Disk::make(&images, file_system, tools) {
        Some(disk) => crash_at_random(&test, &Crash::PowerCut(disk), rounds),
        None => skipped("an image cannot be mounted here"),
    }
}

#[test]
fn nothing_is_lost_when_the_power_is_cut_on_ext4() {
    cut_power("ext4", CUTS);
}

#[test]
fn nothing_is_lost_when_the_power_is_cut_on_xfs() {
    cut_power("xfs", CUTS);
}

#[test]
#[ignore = "the long form: cargo test --test suite -- --ignored --nocapture long_form"]
fn nothing_is_lost_in_the_long_form_of_power_cuts_on_ext4() {
    cut_power("ext4", LONG);
}

#[test]
#[ignore = "the long form: cargo test --test suite -- --ignored --nocapture long_form"]
fn nothing_is_lost_in_the_long_form_of_power_cuts_on_xfs() {
    cut_power("xfs", LONG);
}

/// A file system in an image, mounted.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
    /// Where `xfs_io` lies.
    tools: PathBuf,
}

impl Disk {
    fn make(folder: &TempDir, file_system: &str, tools: PathBuf) -> Option<Self> {
        let image = folder.path().join("image");
        let mounted = folder.path().join("mounted");
        std::fs::create_dir(&mounted).unwrap();
        // The least that mkfs.xfs makes.
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        let own = tools.join(format!("mkfs.{file_system}"));
        let mkfs = if own.exists() { own } else { format!("mkfs.{file_system}").into() };
        let made = Command::new(mkfs).arg("-q").arg(&image).status();
        let disk = Self { image, mounted, tools };
        (made.is_ok_and(|made| made.success()) && disk.mount()).then_some(disk)
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(&self.image).arg(&self.mounted);
        mount.status().is_ok_and(|mounted| mounted.success())
    }

    /// Drops everything that is not on disk yet.
    fn cut(&self) {
        let cut = Command::new(self.tools.join("xfs_io"))
            .args(["-x", "-c", "shutdown"])
            .arg(&self.mounted)
            .status()
            .unwrap();
        assert!(cut.success());
    }

    fn remount(&self) {
        // A process that compiled a component for the server outlives it by an
        // instant.
        let deadline = Instant::now() + Duration::from_secs(30);
        let unmount = || Command::new("umount").arg(&self.mounted).output().unwrap();
        while !unmount().status.success() {
            assert!(Instant::now() < deadline, "{:?}", unmount());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(self.mount());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).status();
    }
}
