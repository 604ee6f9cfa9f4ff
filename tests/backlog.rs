//! Long queues: bounded, and no slower to handle than short ones.

use std::fs;

use crate::fixture::{Request, SUCCESS, Server, guest};

const MANY: usize = 10_000;

/// Mail to a@example.org waits an hour before it is tried.
fn config(settings: &str) -> String {
    format!(
        "RETRY_DELAYS = [\"1 h\"]\nREPEAT_WINDOW = \"0 s\"\n{settings}\n\
         [ACTIONS]\n\"a@example.org\" = \"told\"\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    )
}

/// Turns the only upload of the spool in `folder` into so many.
fn multiply(folder: &std::path::Path, times: usize) {
    let spool = folder.join("spool");
    let ledger = rusqlite::Connection::open(spool.join("ledger.sqlite")).unwrap();
    let upload: String = ledger.query_row("SELECT id FROM uploads", [], |row| row.get(0)).unwrap();
    ledger
        .execute_batch(&format!(
            "BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS
                (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) SELECT i FROM n;
             INSERT INTO uploads SELECT id || '-' || i, origin, service, session, sender,
                recipients, subject, body, camera, received_at, content, has_files
                FROM uploads, temp.n;
             INSERT INTO files SELECT upload || '-' || i, position, name, content_type, size, sha256
                FROM files, temp.n;
             INSERT INTO deliveries (id, upload, action, recipients, lane, state, wait, due_at)
                SELECT id || '-' || i, upload || '-' || i, action, recipients, lane, state, wait,
                due_at FROM deliveries, temp.n ORDER BY i;
             COMMIT;"
        ))
        .unwrap();
    let original = spool.join("uploads").join(&upload);
    for i in 2..=times {
        let copy = spool.join("uploads").join(format!("{upload}-{i}"));
        fs::create_dir(&copy).unwrap();
        fs::hard_link(original.join("SAM_0042.JPG"), copy.join("SAM_0042.JPG")).unwrap();
    }
}

#[test]
fn ten_thousand_deliveries_are_handled_like_one() {
    let server = Server::start(&config(""));
    let send = |server: &Server, text: &str| {
        let request = Request::new().to(&["a@example.org"]).text(text);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    };
    send(&server, "a photo");
    let server = Server::start_in(server.kill(), &config(""));
    let memory = server.memory("VmRSS");
    let folder = server.kill();
    multiply(folder.path(), MANY);

    let server = Server::start_in(folder, &config(""));
    let grown = server.memory("VmRSS").saturating_sub(memory);
    assert!(grown < 16 << 10, "memory grew by {grown} KiB");
    let numbers: Vec<u64> =
        server.deliveries(&[]).iter().map(|d| d["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=MANY as u64).collect::<Vec<u64>>());
    // New ones are taken, and what an operator does is done.
    send(&server, "one more");
    assert_eq!(server.queue(&["drop", "5000"]).trim(), "5000 is given up, with its files");
    server.queue(&["retry", "1", "2", "3"]);
    server.logged_times(&["delivered: did"], 3);
    server.wait_until_none_is(&["delivering"]);
    assert_eq!(server.deliveries(&[]).len(), MANY + 1 - 4);

    // And all of it goes, in order, when its time has come.
    let folder = server.kill();
    let server = Server::start_in(folder, &config(""));
    server.queue(&["retry", "--all"]);
    server.logged_times(&["delivered: did"], 100);
    let log = server.log();
    let order: Vec<u64> = log
        .lines()
        .filter_map(|line| line.split_once("number=")?.1.split(' ').next()?.parse().ok())
        .take(100)
        .collect();
    let mut expected = (1..=MANY as u64).filter(|number| ![1, 2, 3, 5000].contains(number));
    assert!(order.iter().all(|number| Some(*number) == expected.next()), "{order:?}");
}

#[test]
fn a_full_queue_refuses_uploads_until_there_is_room() {
    let server = Server::start(&config("MAX_QUEUE = 2"));
    let request = |text: &str| Request::new().to(&["a@example.org"]).text(text).bytes();
    assert_eq!(server.send(&request("1")).body, SUCCESS);
    assert_eq!(server.send(&request("2")).body, SUCCESS);
    server.send(&request("3")).assert_error(507, "Queue full");
    server.logged(&["request refused", "the queue holds 2 deliveries", "MAX_QUEUE"]);
    // Also after a restart.
    let server = server.restart();
    server.send(&request("3")).assert_error(507, "Queue full");
    assert_eq!(fs::read_dir(server.folder().join("spool/uploads")).unwrap().count(), 2);
    server.queue(&["drop", "1"]);
    // Noticed within a second.
    while server.send(&request("3")).body != SUCCESS {}
    server.send(&request("4")).assert_error(507, "Queue full");
    server.queue(&["retry", "--all"]);
    server.settle();
    assert_eq!(server.send(&request("5")).body, SUCCESS);
}

#[test]
fn a_bound_of_the_queue_that_bounds_nothing_is_an_error() {
    let folder = tempfile::TempDir::new().unwrap();
    fs::write(folder.path().join("config.toml"), "MAX_QUEUE = 0\n").unwrap();
    let output = crate::fixture::afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(78));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("config.toml:1: MAX_QUEUE: write a number above 0"), "{error}");
}
