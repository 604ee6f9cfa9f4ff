//! Disks that are full, read-only, or none at all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::peers::skipped;
use crate::fixture::{Request, SUCCESS, Server, oracle};

#[test]
fn a_full_disk_refuses_uploads_until_there_is_space_again() {
    if !oracle::is_root() {
        return;
    }
    let disk = TempDir::new().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(disk.path())
        .status();
    if !mounted.is_ok_and(|mounted| mounted.success()) {
        return skipped("a memory file system cannot be mounted here");
    }
    let spool = disk.path().join("spool");
    let server = Server::start(&format!("SPOOL_FOLDER = {spool:?}\nMIN_FREE_SPACE = \"0 B\"\n"));
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 5 << 20]).unwrap();
    let large = Request::new().file("A.MP4", &vec![7; 6 << 20]);
    server.send(&large.bytes()).assert_error(507, "Storage full");
    server.logged(&["request refused", "make room"]);
    // Nothing half-written stays.
    while fs::read_dir(spool.join("uploads")).unwrap().count() > 0 {}
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    fs::remove_file(&ballast).unwrap();
    assert_eq!(server.send(&large.bytes()).body, SUCCESS);
    assert_eq!(server.stored().len(), 2);
    drop(server.end());
    assert_eq!(fs::read_dir(spool.join("uploads")).unwrap().count(), 0);
    assert!(Command::new("umount").arg(disk.path()).status().unwrap().success());
}

/// The program without root's right to ignore permissions.
fn unprivileged() -> Command {
    let program = env!("CARGO_BIN_EXE_afterimage");
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", program]);
    command
}

#[test]
fn a_read_only_folder_refuses_uploads_until_it_is_writable_again() {
    if rustix::process::geteuid().is_root() && !oracle::has("setpriv") {
        return;
    }
    let server = Server::start_with(unprivileged(), TempDir::new().unwrap(), "");
    let uploads = server.folder().join("spool/uploads");
    let allow = |mode| fs::set_permissions(&uploads, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o500);
    let request = Request::new().bytes();
    server.send(&request).assert_error(507, "Storage failed");
    server.logged(&["request refused", "Permission denied", "check disk and folder of the spool"]);
    allow(0o700);
    assert_eq!(server.send(&request).body, SUCCESS);
    assert_eq!(server.stored().len(), 1);
    assert!(server.stop().is_empty());
}

#[test]
fn a_spool_in_memory_is_warned_about_loudly() {
    let folder = TempDir::new_in("/dev/shm");
    let kind = Command::new("stat").args(["-f", "-c", "%T", "/dev/shm"]).output();
    let is_tmpfs = kind.is_ok_and(|kind| kind.stdout == b"tmpfs\n");
    let (Ok(folder), true) = (folder, is_tmpfs) else {
        return skipped("/dev/shm is no memory file system");
    };
    let server = Server::start(&format!("SPOOL_FOLDER = {:?}\n", folder.path().join("spool")));
    server.logged(&["ERROR", "SPOOL_FOLDER", "is in memory", "a folder on a disk"]);
}
