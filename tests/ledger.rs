//! A ledger that is old, damaged, lost or in other hands, as an operator meets
//! it. What flips, cuts and old copies do is tested where the spool is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::fixture::{Request, SENDER, SUCCESS, Server, afterimage, files_below, guest, social};

/// A spool that version 0.1.0 left when it was killed: of its six deliveries two
/// are delivered, and each of the other states is there.
const OLD_SPOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/spool-0.1.0");

/// The key of the session in it, and what it has announced last.
const OLD_SESSION: &str = "4d0436b2aaa5fd3803aed6b8bde6de52";
const OLD_RESOURCE: &str = "upload/4d0436b2aaa5fd3803aed6b8bde6de52/SAM_0006.JPG";

fn config(settings: &str) -> String {
    format!(
        "RETRY_DELAYS = [\"1 h\"]\nCOLLECT_TIMEOUT = \"1 h\"\n\
         KEEP_DELIVERED = {{ RECEIPTS = \"30000 days\" }}\n{settings}\n[ACTIONS]\n\
         \"a@example.org\" = \"told\"\n\"s@example.org\" = \"store.kept\"\nfacebook = \"told\"\n\
         [STORE.kept]\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files_below(from).into_keys() {
        fs::create_dir_all(to.join(&path).parent().unwrap()).unwrap();
        fs::copy(from.join(&path), to.join(&path)).unwrap();
    }
}

#[track_caller]
fn send(server: &Server, number: usize) {
    let request = Request::new().to(&["a@example.org"]).text(&number.to_string());
    let bytes = format!("photo {number}");
    assert_eq!(server.send(&request.file("A.JPG", bytes.as_bytes()).bytes()).body, SUCCESS);
}

/// The program in `folder`, which must not start; its last words.
fn refused(folder: TempDir, config: &str) -> (TempDir, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_afterimage"));
    match Server::try_start(program, folder, config) {
        Ok(_) => panic!("it starts"),
        Err(refused) => refused,
    }
}

#[test]
fn a_spool_of_version_0_1_0_is_delivered_with_its_ids_and_its_camera_stays_logged_in() {
    let folder = TempDir::new().unwrap();
    let spool = folder.path().join("spool");
    copy(Path::new(OLD_SPOOL), &spool);
    // A session lives for twelve hours after its last request.
    let sessions = rusqlite::Connection::open(spool.join("sessions.sqlite")).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    sessions.execute("UPDATE session SET used = ?1", [now.cast_signed()]).unwrap();
    drop(sessions);
    // And a delivery waits for its hour.
    let ledger = rusqlite::Connection::open(spool.join("ledger.sqlite")).unwrap();
    let due = (now + 3600).cast_signed() * 1000;
    ledger.execute("UPDATE deliveries SET due_at = ?1 WHERE state = 'queued'", [due]).unwrap();
    drop(ledger);

    let server = Server::start_in(folder, &config(""));
    let states = |server: &Server| -> Vec<String> {
        let state = |delivery: &serde_json::Value| delivery["state"].as_str().unwrap().to_owned();
        server.deliveries(&["--all"]).iter().map(state).collect()
    };
    let expected = ["delivered", "parked", "rejected", "queued", "delivered", "collecting"];
    assert_eq!(states(&server), expected);
    let ids = |server: &Server| -> Vec<String> {
        let id = |delivery: &serde_json::Value| delivery["id"].as_str().unwrap().to_owned();
        server.deliveries(&["--all"]).iter().map(id).collect()
    };
    let before = ids(&server);
    // The post goes on in the session that was there.
    let second = social::put(OLD_RESOURCE, "image/jpeg", b"the second photo of a post");
    assert_eq!(server.send(&second).body, SUCCESS);
    server.queue(&["retry", "4"]);
    server.queue(&["retry", "6"]);
    server.logged(&["delivered", "fail 1 note", "remembering attempt 1"]);
    server.logged(&["delivered", "files 2", "SAM_0005.JPG SAM_0006.JPG"]);
    server.wait_until_none_is(&["queued", "delivering", "collecting"]);
    assert_eq!(ids(&server), before);
    let out = server.folder().join("out");
    server.queue(&["export", "2", out.to_str().unwrap()]);
    assert_eq!(fs::read(out.join("SAM_0002.JPG")).unwrap(), b"the photo that is parked");

    // No key is left in anything that can be read.
    let folder = server.end();
    for (path, bytes) in files_below(&folder.path().join("spool")) {
        let key = OLD_SESSION.as_bytes();
        assert!(!bytes.windows(key.len()).any(|window| window == key), "{}", path.display());
    }
}

#[test]
fn uploads_of_a_lost_ledger_are_adopted_delivered_and_never_twice() {
    let server = Server::start(&config(""));
    (1..=4).for_each(|number| send(&server, number));
    server.queue(&["retry", "1"]);
    server.logged(&["delivered: did \"1\""]);
    server.wait_until_none_is(&["delivering"]);
    let ids: Vec<String> =
        server.deliveries(&[]).iter().map(|d| d["id"].as_str().unwrap().to_owned()).collect();
    let folder = server.kill();
    for file in ["ledger.sqlite", "ledger.sqlite-wal"] {
        fs::remove_file(folder.path().join("spool").join(file)).unwrap();
    }
    let (folder, words) = refused(folder, &config(""));
    assert!(words.contains("is missing") && words.contains("afterimage queue adopt"), "{words}");
    let adopted = afterimage(folder.path(), &["queue", "adopt"]);
    let words = String::from_utf8(adopted.stdout).unwrap();
    assert_eq!(words.matches("in the queue again").count(), 3, "{words}");

    let server = Server::start_in(folder, &config(""));
    server.settle();
    let delivered = server.deliveries(&["--all"]);
    let again: Vec<&str> = delivered.iter().map(|d| d["id"].as_str().unwrap()).collect();
    assert_eq!(again, ids);
    server.assert_did(["2", "3", "4"]);
    assert_eq!(server.queue(&["adopt"]).trim(), "nothing was lost");
    assert!(server.stop().is_empty());
}

#[test]
fn a_start_tells_lost_uploads_from_leftovers_and_says_what_to_do() {
    let server = Server::start(&config(""));
    send(&server, 1);
    let folder = server.kill();
    // Checkpointed, so that what comes now stands in the log alone.
    let spool = folder.path().join("spool");
    let ledger = rusqlite::Connection::open(spool.join("ledger.sqlite")).unwrap();
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let server = Server::start_in(folder, &config(""));
    drop(ledger);
    send(&server, 2);
    let folder = server.kill();
    fs::write(spool.join("ledger.sqlite-wal"), "").unwrap();
    fs::create_dir(spool.join("uploads/leftover")).unwrap();

    let server = Server::start_in(folder, &config(""));
    let lost = server.logged(&["ERROR", "cameras were told are sent", "afterimage queue adopt"]);
    assert!(lost.contains("lost+found"), "{lost}");
    server.logged(&["WARN", "cut short", "leftover"]);
    assert_eq!(server.deliveries(&[]).len(), 1);
    // Also while the server runs.
    let words = server.queue(&["adopt"]);
    assert!(words.contains("A.JPG of Camera@samsungcamera.com: in the queue again"), "{words}");
    assert!(words.contains("leftover: stays there: nothing tells whose it is"), "{words}");
    server.queue(&["retry", "--all"]);
    server.settle();
    server.assert_did(["1", "2"]);
    assert!(server.stop().is_empty());
}

#[test]
fn a_garbage_ledger_is_said_to_be_damaged_and_not_to_lack_rights() {
    let folder = TempDir::new().unwrap();
    let spool = folder.path().join("spool");
    fs::create_dir(&spool).unwrap();
    fs::write(spool.join("ledger.sqlite"), "garbage ".repeat(1000)).unwrap();
    let (folder, words) = refused(folder, &config(""));
    assert!(words.contains("ledger.sqlite is damaged"), "{words}");
    assert!(words.contains("afterimage queue adopt") && !words.contains("writable"), "{words}");
    let adopted = afterimage(folder.path(), &["queue", "adopt"]);
    assert!(adopted.status.success());
    assert_eq!(String::from_utf8_lossy(&adopted.stdout).trim(), "nothing was lost");
    let server = Server::start_in(folder, &config(""));
    send(&server, 1);
}

#[test]
fn a_ledger_that_is_deleted_while_the_server_runs_stops_uploads_within_a_second() {
    let server = Server::start(&config(""));
    send(&server, 1);
    fs::remove_file(server.folder().join("spool/ledger.sqlite")).unwrap();
    server.logged(&["ERROR", "ledger.sqlite", "removed or replaced", "queue adopt"]);
    let request = Request::new().to(&["a@example.org"]).bytes();
    server.send(&request).assert_error(507, "Storage failed");
    let (folder, words) = refused(server.end(), &config(""));
    assert!(words.contains("queue adopt"), "{words}");
    assert!(afterimage(folder.path(), &["queue", "adopt"]).status.success());
    assert_eq!(Server::start_in(folder, &config("")).deliveries(&["--all"]).len(), 1);
}

/// A backup, Litestream: somebody reads for long, somebody else writes.
#[test]
fn a_lock_of_seconds_beside_a_long_reader_costs_no_upload() {
    let server = Server::start(&config(""));
    send(&server, 1);
    let open = || rusqlite::Connection::open(server.folder().join("spool/ledger.sqlite")).unwrap();
    let (reader, holder) = (open(), open());
    reader.execute_batch("BEGIN; SELECT count(*) FROM uploads").unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| send(&server, 2));
        // Longer than a command would wait.
        std::thread::sleep(Duration::from_secs(6));
        holder.execute_batch("ROLLBACK").unwrap();
        sent.join().unwrap();
    });
    send(&server, 3);
    assert_eq!(server.deliveries(&[]).len(), 3);
}

#[test]
fn a_second_server_leaves_what_the_first_is_storing() {
    let server = Server::start("");
    let growing = server.folder().join("upload/.growing");
    fs::write(growing.join("half"), "half a photo").unwrap();
    let second = afterimage(server.folder(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(78));
    assert_eq!(fs::read_to_string(growing.join("half")).unwrap(), "half a photo");
}

#[test]
fn an_upload_folder_that_was_replaced_is_made_again() {
    let server = Server::start("");
    fs::remove_dir_all(server.folder().join("upload")).unwrap();
    let request = Request::new().from(SENDER).bytes();
    assert_eq!(server.send(&request).body, SUCCESS);
    assert_eq!(server.stored().len(), 1);
}

#[test]
fn the_queue_is_worked_on_when_a_component_or_all_settings_are_unusable() {
    let server = Server::start(&config(""));
    send(&server, 1);
    let folder = server.kill();
    let written = config("").replace("as_told", "gone").replace("as-told", "gone");
    fs::write(folder.path().join("config.toml"), written).unwrap();
    let listed = afterimage(folder.path(), &["queue", "list"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("queued"));
}
