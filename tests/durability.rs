//! When OK may leave: only after the disk has everything, and never when the
//! disk has refused anything.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, oracle};

/// Follows the system calls of one upload.
#[test]
fn ok_leaves_only_after_file_folders_and_ledger_are_on_disk() {
    let test = "order of system calls";
    if !oracle::has("strace", test) {
        return;
    }
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().unwrap().success() {
        eprintln!("{test}: skipped, ptrace is not allowed here");
        return;
    }
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    // -D: the server is our child, the tracer is not.
    strace.args(["-D", "-f", "-y", "-s", "32", "-o"]).arg(&trace);
    strace.args(["-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg"]);
    strace.arg(env!("CARGO_BIN_EXE_afterimage"));
    let server = Server::start_with(strace, folder, "");
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    let upload = server.deliveries(&["--all"])[0]["upload"].as_str().unwrap().to_owned();
    let folder = server.end();

    let calls = ended_calls(&fs::read_to_string(folder.path().join("trace")).unwrap());
    let answer = calls.iter().position(|call| call.contains("HTTP/1.1 200 OK")).unwrap();
    let before = |what: &str, path: &str| {
        let done = calls[..answer].iter().rposition(|call| {
            what.split('|').any(|name| call.starts_with(name)) && call.contains(path)
        });
        done.unwrap_or_else(|| panic!("no {what} of {path} before the OK: {calls:#?}"))
    };
    let file = before("fdatasync", &format!("uploads/{upload}/SAM_0042.JPG>"));
    let own_folder = before("fsync", &format!("uploads/{upload}>"));
    let all_folders = before("fsync", "spool/uploads>");
    let ledger = before("fsync|fdatasync", "ledger.sqlite-wal>");
    assert!(file < own_folder && own_folder < all_folders && all_folders < ledger);
}

/// Calls in the order in which they ended; an answer stands where it began.
fn ended_calls(trace: &str) -> Vec<String> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(call) = call.strip_suffix(" <unfinished ...>") {
            match call.contains("HTTP/1.1") {
                true => calls.push(call.to_owned()),
                false => drop(begun.insert(thread, call)),
            }
        } else if call.starts_with("<... ") {
            calls.extend(begun.remove(thread).map(str::to_owned));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// The library that lets calls fail, none if there is no C compiler.
fn faults(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/faults");
    let library = folder.join("faults.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source.join("faults.c"))
        .arg("-ldl")
        .status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

const EIO: i32 = 5;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
/// A write of half the bytes.
const SHORT: i32 = -1;

/// Fails the first call on the spool of an upload, then the second, and so on
/// until one upload comes through without.
fn fail_each_call(error: i32) {
    let tools = TempDir::new().unwrap();
    let Some(library) = faults(tools.path()) else {
        eprintln!("failing calls: skipped, there is no C compiler");
        return;
    };
    let control_file = tools.path().join("control");
    fs::write(&control_file, [0; 12]).unwrap();
    let control = File::options().read(true).write(true).open(&control_file).unwrap();
    let folder = TempDir::new().unwrap();
    let config = "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"a@example.org\" = \"store.kept\"\n";
    let mut program = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    program.env("LD_PRELOAD", &library).env("FAULTS_CONTROL", &control_file);
    program.env("FAULTS_FOLDER", folder.path().canonicalize().unwrap().join("spool"));
    // A relative path would not be recognised as one below the folder.
    let spool = folder.path().canonicalize().unwrap().join("spool");
    let config = format!("SPOOL_FOLDER = {spool:?}\n{config}");
    let server = Server::start_with(program, folder, &config);

    let mut ok = BTreeSet::new();
    let mut refused = BTreeSet::new();
    let mut failed = 0;
    for nth in 1.. {
        let arm: Vec<u8> = [nth, error, 0].iter().flat_map(|n: &i32| n.to_ne_bytes()).collect();
        control.write_all_at(&arm, 0).unwrap();
        let bytes = format!("photo {nth}").into_bytes();
        let request = Request::new().to(&["a@example.org"]).text(&nth.to_string());
        let answer = server.send(&request.file(&format!("{nth}.JPG"), &bytes).bytes());
        match answer.body == SUCCESS {
            true => ok.insert(bytes),
            false => {
                answer.assert_error(507, "Storage failed");
                refused.insert(bytes)
            }
        };
        server.settle();
        let mut fired = [0; 4];
        control.read_exact_at(&mut fired, 8).unwrap();
        if fired == [0; 4] {
            break;
        }
        failed += 1;
        assert!(nth < 500, "no upload comes through");
    }
    assert!(failed >= 10, "only {failed} calls failed: the library is not at work");
    eprintln!("error {error}: {failed} calls failed in turn, {} refused", refused.len());

    let server = Server::start_in(server.kill(), &config);
    let kept: BTreeSet<Vec<u8>> = server.stored().into_values().collect();
    assert_eq!(kept, ok, "kept are exactly those that heard OK");
    assert!(kept.is_disjoint(&refused));
    let folder = server.end();
    assert_eq!(fs::read_dir(folder.path().join("spool/uploads")).unwrap().count(), 0);
    oracle::assert_integrity(&folder.path().join("spool"));
}

#[test]
fn an_input_output_error_at_any_call_is_never_an_ok() {
    fail_each_call(EIO);
}

#[test]
fn a_full_disk_at_any_call_is_never_an_ok() {
    fail_each_call(ENOSPC);
}

#[test]
fn no_free_descriptor_at_any_call_is_never_an_ok() {
    fail_each_call(EMFILE);
}

#[test]
fn a_short_write_at_any_call_loses_nothing() {
    fail_each_call(SHORT);
}

#[test]
fn a_full_disk_refuses_uploads_until_there_is_space_again() {
    let test = "full disk";
    if !oracle::is_root(test) {
        return;
    }
    let disk = TempDir::new().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(disk.path())
        .status();
    if !mounted.is_ok_and(|mounted| mounted.success()) {
        eprintln!("{test}: skipped, a memory file system cannot be mounted here");
        return;
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
