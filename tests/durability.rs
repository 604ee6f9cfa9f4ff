//! When OK may leave: only after the disk has everything.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::peers::{installed, skipped};
use crate::fixture::{Request, SUCCESS, Server, hang_up};

/// Follows the system calls of one upload.
#[test]
fn ok_leaves_only_after_file_folders_and_ledger_are_on_disk() {
    let Some(program) = installed("strace/bin/strace") else { return };
    if !Command::new(&program).args(["-o", "/dev/null", "true"]).status().unwrap().success() {
        return skipped("ptrace is not allowed here");
    }
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new(program);
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

/// A camera that hangs up while it waits has heard nothing, so its upload may
/// be taken or not, but never by half.
#[test]
fn an_upload_whose_camera_hangs_up_is_taken_whole_or_not_at_all() {
    let server = Server::start("");
    for round in 0..60 {
        let bytes = format!("photo {round} ").repeat(2_000);
        let request = Request::new().text(&round.to_string()).file("A.JPG", bytes.as_bytes());
        let mut stream = server.connect();
        stream.write_all(&request.bytes()).unwrap();
        // At another point of checking, syncing and committing each time.
        std::thread::sleep(Duration::from_micros(round * 250));
        hang_up(stream);
    }
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    server.settle();
    assert!(!server.log().contains("not in the spool"));
    let taken = server.deliveries(&["--all"]).len();
    assert_eq!(server.stored().len(), taken);
    assert!(server.stop().is_empty());
}
