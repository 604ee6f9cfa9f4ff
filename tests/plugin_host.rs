//! What the host makes of guests that mean well: what they print, what they
//! answer, what the machine and the configuration leave them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, afterimage, guest, hostile, preload};
use crate::plugin::{folder_with, plugin, text};

fn upload() -> Request {
    Request::new().to(&["hostile@example.org"])
}

#[test]
fn what_a_guest_prints_is_in_the_log_of_a_server_as_it_comes() {
    let server = Server::start(&hostile("prints", "", ""));
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["INFO", "guest: ", "hello from Camera@samsungcamera.com"]);
}

#[test]
fn a_guest_that_waits_often_spends_no_computing_time() {
    let config = hostile("waits-often", "", "TIMES = 300");
    // Were each wait an epoch of 10 ms, they would be three seconds.
    let limits = "LIMITS = { CPU = \"1 s\", WALL = \"100 s\" }\n[HOSTILE]";
    let server = Server::start(&config.replace("[HOSTILE]", limits));
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["delivered: saved 300 times"]);
}

/// On a busy machine, a loop has as much computing time as on an idle one.
#[test]
fn other_processes_take_nothing_of_a_guests_computing_time() {
    let folder = folder_with(&["loop-in-deliver"]);
    fs::write(
        folder.path().join("config.toml"),
        "[ACTIONS]\n\"a@example.org\" = \"loop\"\n\
         [PLUGINS.loop]\nCOMPONENT = \"loop-in-deliver.wasm\"\nLIMITS = { CPU = \"300 ms\" }\n",
    )
    .unwrap();
    let others: Vec<_> = (0..6)
        .map(|_| Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap())
        .collect();
    let arguments = ["try", "loop-in-deliver.wasm", "--upload", "fixture", "--config"];
    let arguments = [&arguments[..], &["config.toml", "--action", "loop"]].concat();
    let shown = text(&plugin(folder.path(), &arguments));
    for mut other in others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    assert!(shown.contains("CPU budget of 300ms spent"), "{shown}");
    let used = shown.split_once("deliver: CPU ").unwrap().1.split_once(" ms").unwrap().0;
    let used: f64 = used.parse().unwrap();
    assert!((300.0..450.0).contains(&used), "{used} ms");
}

#[test]
fn a_receipt_is_one_bounded_line_with_links_that_can_be_opened() {
    let server = Server::start(&hostile("long-receipt", "", ""));
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["delivered: sent"]);
    server.settle();
    assert!(!server.log().lines().any(|line| line.starts_with("ERROR forged")));
    let [entry] = &server.deliveries(&["--all"])[..] else { panic!("one delivery") };
    let receipt = entry["receipt"].as_str().unwrap();
    let unwanted = |c: char| c.is_control() || ['\u{202e}', '\u{2066}', '\u{2028}'].contains(&c);
    assert!(!receipt.contains(unwanted), "{receipt:?}");
    assert!(receipt.len() <= 1 << 10, "{} bytes", receipt.len());
    assert!(server.log().lines().all(|line| line.len() < 24 << 10));
}

#[test]
fn a_guests_reason_for_a_later_attempt_is_one_bounded_line() {
    let server = Server::start(&hostile("long-receipt", "", ""));
    assert_eq!(server.send(&upload().text("retry").bytes()).body, SUCCESS);
    server.logged(&["next attempt"]);
    let [entry] = &server.deliveries(&[])[..] else { panic!("one delivery") };
    let reason = entry["reason"].as_str().unwrap();
    assert!(!reason.contains(|c: char| c.is_control() || c == '\u{202e}'), "{reason:?}");
    assert!(reason.len() <= 1 << 10, "{} bytes", reason.len());
    assert!(!server.log().lines().any(|line| line.starts_with("ERROR forged")));
}

#[test]
fn memory_that_no_call_could_begin_with_is_refused_with_what_works() {
    let folder = TempDir::new().unwrap();
    let config = |memory: &str| {
        let component = guest("echo");
        let text = format!(
            "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = {component:?}\n\
             LIMITS = {{ MEMORY = {memory:?} }}\n"
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
    };
    config("1 KiB");
    let refused = afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(78));
    let said = text(&refused);
    let least = said.split_once("the least that works is MEMORY = \"").unwrap_or_else(|| {
        panic!("{said}");
    });
    let least = least.1.split_once('"').unwrap().0.to_owned();
    let server = Server::start(&format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"x\"\n[PLUGINS.x]\nCOMPONENT = {:?}\n\
         LIMITS = {{ MEMORY = {least:?} }}\n",
        guest("echo")
    ));
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.logged(&["delivered"]);
}

#[test]
fn the_queue_can_be_seen_without_the_components_of_its_deliveries() {
    let folder = folder_with(&["echo"]);
    let component = folder.path().join("echo.wasm");
    let server = Server::start(&format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"x\"\n[PLUGINS.x]\nCOMPONENT = {component:?}\n"
    ));
    assert_eq!(server.send(&upload().bytes()).body, SUCCESS);
    server.settle();
    fs::remove_file(&component).unwrap();
    let [entry] = &server.deliveries(&["--all"])[..] else { panic!("one delivery") };
    assert_eq!(entry["state"], "delivered");
}

#[test]
fn a_limit_on_addresses_that_plugins_cannot_live_with_is_named_at_start() {
    let folder = TempDir::new().unwrap();
    let served = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", "ulimit -v 4194304; exec \"$0\" serve --listen 127.0.0.1:0"])
        .arg(env!("CARGO_BIN_EXE_afterimage"))
        .output()
        .unwrap();
    assert_eq!(served.status.code(), Some(78));
    let said = text(&served);
    assert!(said.contains("RLIMIT_AS") && said.contains("LimitAS=infinity"), "{said}");
}

#[test]
fn a_system_that_runs_no_compiled_code_is_named_at_start() {
    let folder = TempDir::new().unwrap();
    let Some(library) = preload("no_new_code", folder.path()) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    command.current_dir(folder.path()).env("LD_PRELOAD", &library);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    // A kernel before 6.3 knows no such rule, and the server starts.
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if folder.path().join("no-rule").exists() || std::time::Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            eprintln!("skipped: this kernel has no PR_SET_MDWE");
            return;
        }
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output);
    assert!(said.contains("MemoryDenyWriteExecute=no"), "{said}");
}
