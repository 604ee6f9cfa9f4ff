//! A system clock that is set while the server runs or while it does not: what
//! waits is neither lost, nor put off, nor tried all at once.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, guest, preload};

const YEAR: i64 = 365 * 86_400;

/// The time of day, as this test wants it.
struct TimeOfDay {
    tools: TempDir,
    library: PathBuf,
    control: File,
}

impl TimeOfDay {
    fn new() -> Option<Self> {
        let tools = TempDir::new().unwrap();
        let library = preload("clock", tools.path())?;
        let control_file = tools.path().join("control");
        fs::write(&control_file, [0; 8]).unwrap();
        let control = File::options().write(true).open(control_file).unwrap();
        Some(Self { tools, library, control })
    }

    fn set(&self, seconds_off: i64) {
        self.control.write_all_at(&seconds_off.to_ne_bytes(), 0).unwrap();
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_afterimage"));
        program.env("LD_PRELOAD", &self.library);
        program.env("CLOCK_CONTROL", self.tools.path().join("control"));
        program
    }
}

/// Uploads do as they are told, and are tried again after an hour.
fn config(settings: &str) -> String {
    format!(
        "RETRY_DELAYS = [\"0 s\", \"1 h\"]\n[ACTIONS]\n\"a@example.org\" = \"told\"\n\
         [PLUGINS.told]\nCOMPONENT = {:?}\n[TOLD]\n{settings}\n",
        guest("as-told")
    )
}

/// Asserts that the only delivery was tried once, and will be in about an hour
/// of a clock that is off by `seconds`.
#[track_caller]
fn assert_waits_an_hour(server: &Server, seconds: i64) {
    let delivery = &server.deliveries(&[])[0];
    assert_eq!((&delivery["state"], &delivery["attempt"]), (&"queued".into(), &1.into()));
    let next = humantime::parse_rfc3339(delivery["next_attempt"].as_str().unwrap()).unwrap();
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let wait = since(next).cast_signed() - since(SystemTime::now()).cast_signed() - seconds;
    // An hour and a fifth at most, less what has passed meanwhile.
    assert!((30 * 60..=72 * 60 + 5).contains(&wait), "it waits for {wait} s");
}

#[test]
fn a_clock_that_jumps_neither_loses_nor_hammers_nor_puts_off() {
    let Some(clock) = TimeOfDay::new() else { return };
    let folder = TempDir::new().unwrap();
    let server = Server::start_with(clock.program(), folder, &config("FAIL = true"));
    let send = |server: &Server, text: &str| {
        let request = Request::new().to(&["a@example.org"]).text(text);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    };
    send(&server, "a photo");
    server.logged(&["told to fail attempt 1"]);
    assert_waits_an_hour(&server, 0);

    clock.set(YEAR);
    server.logged(&["the clock jumped by 3153"]);
    assert_waits_an_hour(&server, YEAR);
    clock.set(-YEAR);
    server.logged(&["the clock jumped by -6307"]);
    assert_waits_an_hour(&server, -YEAR);
    assert!(!server.log().contains("attempt 2"));

    // Set back while the server is off: no longer than an hour from now.
    let folder = server.kill();
    clock.set(-2 * YEAR);
    let server = Server::start_with(clock.program(), folder, &config(""));
    assert_waits_an_hour(&server, -2 * YEAR);
    // Set forward while it is off, so that its time has come: delivered.
    let folder = server.kill();
    clock.set(YEAR);
    let server = Server::start_with(clock.program(), folder, &config(""));
    server.logged(&["delivered", "did \"a photo\""]);
    send(&server, "another");
    server.settle();
    assert!(server.stop().is_empty());
}

#[test]
fn uploads_that_come_while_the_clock_jumps_are_delivered_at_once() {
    let Some(clock) = TimeOfDay::new() else { return };
    let server = Server::start_with(clock.program(), TempDir::new().unwrap(), &config(""));
    let jumps = [0, YEAR, -YEAR, 2 * YEAR, -40 * YEAR, 0];
    for (upload, jump) in jumps.into_iter().enumerate() {
        clock.set(jump);
        let request = Request::new().to(&["a@example.org"]).text(&upload.to_string());
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    }
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), jumps.len());
    // What waits for its time waits by a clock that does not jump.
    assert!(server.logged(&["the clock jumped"]).contains("waits stay as they are"));
}
