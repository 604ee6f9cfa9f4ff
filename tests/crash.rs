//! The promise, under `kill -9` and power cuts.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::fixture::oracle::{self, Cameras, Heard};
use crate::fixture::{Server, guest};

/// Rounds of the short and the long form.
const KILLS: usize = 15;
const CUTS: usize = 5;
const LONG: usize = 200;

/// A server for cameras that send to flaky@example.org, its spool in `spool`.
fn config(spool: &str) -> String {
    let component = guest("flaky-store");
    let bytes = std::fs::read(&component).unwrap();
    let sha256: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!(
        "SPOOL_FOLDER = {spool:?}\nMIN_FREE_SPACE = \"0 B\"\nRETRY_DELAYS = [\"0 s\", \"10 ms\"]\n\
         [ACTIONS]\n\"flaky@example.org\" = \"flaky\"\n[PLUGINS.flaky]\n\
         COMPONENT = {component:?}\nSHA256 = {sha256:?}\nALLOW = {{ STORE = \"kept\" }}\n"
    )
}

fn kill_at_random(rounds: usize) {
    let config = config("spool");
    let heard = Arc::new(Heard::default());
    let mut folder = TempDir::new().unwrap();
    for round in 0..rounds {
        let server = Server::start_in(folder, &config);
        let before = heard.ok.lock().unwrap().len();
        let cameras = Cameras::start(4, &server, &heard);
        // Somewhere between two answers, at another place each time.
        cameras.wait_for_ok(before + 1 + round % 7);
        spin(round);
        folder = server.kill();
        cameras.stop();
    }
    let server = Server::start_in(folder, &config);
    server.settle();
    let delivered = server.deliveries(&["--all"]).len();
    assert!(delivered >= heard.ok.lock().unwrap().len());
    let folder = server.end();
    let (kept, spool) = (folder.path().join("upload/kept"), folder.path().join("spool"));
    oracle::assert_promise(&heard, &kept, &spool, rounds);
    eprintln!("{rounds} kills: {} uploads heard OK", heard.ok.lock().unwrap().len());
}

/// Spends a time that differs from round to round, some ms at most: the point
/// of a crash within an upload must not depend on an answer.
fn spin(round: usize) {
    for _ in 0..(round * 7919) % 4001 {
        std::hint::black_box(oracle::sha256(&[0; 64]));
    }
}

#[test]
fn nothing_is_lost_when_the_server_is_killed() {
    kill_at_random(KILLS);
}

#[test]
#[ignore = "the long form: cargo test --test suite -- --ignored long_form"]
fn nothing_is_lost_in_the_long_form_of_kills() {
    kill_at_random(LONG);
}

fn cut_power(file_system: &str, rounds: usize) {
    let test = format!("power cuts on {file_system}");
    let tools = [&format!("mkfs.{file_system}")[..], "xfs_io", "losetup", "mount"];
    if !oracle::is_root(&test) || !tools.iter().all(|tool| oracle::has(tool, &test)) {
        return;
    }
    let images = TempDir::new().unwrap();
    let Some(mut disk) = Disk::make(&images, file_system) else {
        eprintln!("{test}: skipped, an image cannot be mounted here");
        return;
    };
    let spool = disk.mounted.join("spool");
    let config = config(spool.to_str().unwrap());
    let heard = Arc::new(Heard::default());
    let mut folder = TempDir::new().unwrap();
    for round in 0..rounds {
        let server = Server::start_in(folder, &config);
        let before = heard.ok.lock().unwrap().len();
        let cameras = Cameras::start(4, &server, &heard);
        cameras.wait_for_ok(before + 1 + round % 7);
        spin(round);
        heard.dark.store(true, Ordering::SeqCst);
        disk.cut();
        folder = server.kill();
        cameras.stop();
        disk.remount();
        heard.dark.store(false, Ordering::SeqCst);
    }
    let server = Server::start_in(folder, &config);
    server.settle();
    let folder = server.end();
    oracle::assert_promise(&heard, &folder.path().join("upload/kept"), &spool, rounds);
    eprintln!("{rounds} cuts on {file_system}: {} heard OK", heard.ok.lock().unwrap().len());
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
#[ignore = "the long form: cargo test --test suite -- --ignored long_form"]
fn nothing_is_lost_in_the_long_form_of_power_cuts() {
    cut_power("ext4", LONG);
    cut_power("xfs", LONG);
}

/// A file system in an image, mounted.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

impl Disk {
    fn make(folder: &TempDir, file_system: &str) -> Option<Self> {
        let image = folder.path().join("image");
        let mounted = folder.path().join("mounted");
        std::fs::create_dir(&mounted).unwrap();
        // The least that mkfs.xfs makes.
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        let made = Command::new(format!("mkfs.{file_system}")).arg("-q").arg(&image).status();
        let disk = Self { image, mounted };
        (made.is_ok_and(|made| made.success()) && disk.mount()).then_some(disk)
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(&self.image).arg(&self.mounted);
        mount.status().is_ok_and(|mounted| mounted.success())
    }

    /// Drops everything that is not on disk yet.
    fn cut(&self) {
        let cut = Command::new("xfs_io")
            .args(["-x", "-c", "shutdown"])
            .arg(&self.mounted)
            .status()
            .unwrap();
        assert!(cut.success());
    }

    fn remount(&mut self) {
        assert!(Command::new("umount").arg(&self.mounted).status().unwrap().success());
        assert!(self.mount());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).status();
    }
}
