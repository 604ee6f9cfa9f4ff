//! Guests that misbehave: each is ended by the limit it runs into, the report
//! names it, and the next camera is served.

use std::path::{Path, PathBuf};

use crate::fixture::component::{MEMORY_SECTION, TABLE_SECTION, leb128, patched};
use crate::fixture::{
    Request, SUCCESS, Server, afterimage, assert_expected, assert_reported, files_below, guest,
    sha256_of,
};

const LIMITS: &str = r#"CPU = "300 ms", WALL = "2 s", MEMORY = "32 MiB""#;

/// Limits that leave room for the one that a test is about.
const WIDE: &str = r#"CPU = "20 s", WALL = "20 s", MEMORY = "256 MiB""#;

/// A server with the guest of this name for hostile@example.org and a well
/// behaved action for good@example.org.
fn server_with(name: &str, limits: &str) -> Server {
    server_of(&guest(name), limits)
}

fn server_of(component: &Path, limits: &str) -> Server {
    Server::start(&config_of(component, limits))
}

fn config_of(component: &Path, limits: &str) -> String {
    format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"hostile\"\n\"good@example.org\" = \"store\"\n\
         [PLUGINS.hostile]\nCOMPONENT = {component:?}\n\
         LIMITS = {{ {limits} }}\n",
    )
}

/// Sends an upload to the guest, asserts that it failed with `report`, which
/// the operator sees in the log and in the queue, word for word as in
/// `tests/expected`, that the next camera is served, and that the upload is
/// kept.
#[track_caller]
fn assert_ended(name: &str, limits: &str, report: &str) {
    assert_server_ends(server_with(name, limits), name, report);
}

#[track_caller]
fn assert_server_ends(server: Server, name: &str, report: &str) {
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["action hostile failed", report, "next attempt"]);
    let [entry] = &server.deliveries(&[])[..] else { panic!("one delivery waits") };
    assert_expected(&format!("hostile-{name}"), entry["reason"].as_str().unwrap());
    assert_eq!(server.send(&Request::new().to(&["good@example.org"]).bytes()).body, SUCCESS);
    server.logged(&["delivered"]);
    assert_eq!(server.stop().len(), 1);
}

/// The same for a guest that already fails while the camera waits, which hears
/// of it; nothing is kept.
#[track_caller]
fn assert_refused(name: &str, limits: &str, report: &str) -> String {
    let server = server_with(name, limits);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    answer.assert_error(500, "Delivery failed");
    let line = server.logged(&["request refused", "action hostile failed", report]);
    assert_eq!(server.send(&Request::new().to(&["good@example.org"]).bytes()).body, SUCCESS);
    server.settle();
    assert_eq!(server.stop(), [] as [PathBuf; 0]);
    line
}

/// The limits of `check`: its computing time or, on a busy machine, its time
/// in all.
#[track_caller]
fn assert_limit_of_check(line: &str) {
    let limits = ["CPU budget of 100ms spent", "no result within 200ms"];
    assert!(limits.iter().any(|limit| line.contains(limit)), "{line}");
}

/// What guests of one sin each end with, a test a row.
macro_rules! ended {
    ($($test:ident: $guest:literal, $limits:ident, $report:literal;)*) => {
        $(#[test]
        fn $test() {
            assert_ended($guest, $limits, $report);
        })*
    };
}

ended! {
    a_loop_ends_with_its_cpu_budget: "loop-in-deliver", LIMITS, "limit reached: CPU budget of 300ms spent";
    a_flood_of_randomness_ends: "random-flood", WIDE, "limit reached: more than 1 MiB of randomness";
    header_fields_are_bounded: "huge-headers", WIDE, "limit reached: header fields over 64 KiB";
    sleep_ends_with_the_deadline: "sleep", LIMITS, "limit reached: no result within 2s";
    growing_memory_ends_at_its_limit: "grow-memory", LIMITS, "limit 32768 KiB";
    deep_recursion_ends_with_the_stack: "deep-recursion", LIMITS, "limit reached: stack";
    a_flood_on_standard_error_ends_and_its_log_is_bounded: "stderr-flood", WIDE, "limit reached: output: printed more than 1024 KiB";
    a_stack_of_the_guests_own_ends: "own-stack", WIDE, "limit reached: the guest's own stack";
    a_wild_pointer_is_reported_as_the_trap_that_it_is: "wild-pointer", LIMITS, "wasm trap: out of bounds memory access";
    a_flood_on_standard_output_ends: "stdout-flood", WIDE, "limit reached: output: printed more than 1024 KiB";
    a_line_without_end_ends: "no-newline", WIDE, "limit reached: output: printed more than 1024 KiB";
    a_huge_argument_is_refused: "huge-string", WIDE, "limit reached: argument of a host call over 2 MiB";
    a_trap_is_reported_with_the_guests_last_words: "trap", LIMITS, "boom in deliver";
    an_exit_is_no_answer: "exit-zero", LIMITS, "exited with 0 instead of answering";
    open_files_are_counted: "many-handles", WIDE, "limit reached: too many open handles";
}

#[test]
fn a_loop_in_the_start_function_ends_with_the_budget_of_check() {
    assert_limit_of_check(&assert_refused("loop-in-start", LIMITS, "limit reached: "));
}

#[test]
fn a_loop_in_check_ends_sooner() {
    assert_limit_of_check(&assert_refused("loop-in-check", LIMITS, "limit reached: "));
}

#[test]
fn a_loop_in_the_guests_allocator_ends_with_the_budget_of_check() {
    let server = server_with("loop-in-realloc", LIMITS);
    let request = Request::new().to(&["hostile@example.org"]).text(&"x".repeat(6_000));
    server.send(&request.bytes()).assert_error(500, "Delivery failed");
    assert_limit_of_check(&server.logged(&["request refused", "limit reached: "]));
}

#[test]
fn the_memories_of_a_component_are_counted_together() {
    // Two of 40 MiB, each within the limit.
    let component = patched("echo", MEMORY_SECTION, |body| {
        let [1, _flags, rest @ ..] = body else { panic!("one memory") };
        [&[2, 0][..], &leb128(640), &[0], &leb128(640), &rest[rest.len()..]].concat()
    });
    let folder = tempfile::TempDir::new().unwrap();
    let config = config_of(component.path(), LIMITS);
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let refused = afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("memory begins with 81920 KiB"), "{said}");
}

#[test]
fn tables_are_bounded() {
    let component = patched("echo", TABLE_SECTION, |body| {
        let [1, element, ..] = body else { panic!("one table") };
        [&[1, *element, 0][..], &leb128(9_000_000)].concat()
    });
    let server = server_of(component.path(), LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    answer.assert_error(500, "Delivery failed");
    let line = server.logged(&["request refused", "action hostile failed", "table"]);
    assert!(line.contains("limit reached"), "{line}");
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let server = server_with("log-flood", LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["more lines dropped"]);
    assert!(server.log().lines().filter(|line| line.contains(" guest: ")).count() <= 200);
}

#[test]
fn files_outside_the_upload_cannot_be_opened() {
    let server = server_with("read-outside", LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["rejected an upload", "all refused"]);
    assert_reported(&server, "read-outside");
}

#[test]
fn a_rejection_cannot_break_out_of_its_comment() {
    let server = server_with("reject-long", LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    answer.assert_error(400, "");
    let comment = answer.body.split_once("<!-- ").unwrap().1.strip_suffix(" -->").unwrap();
    assert!(
        !comment.contains("--") && !comment.contains('<') && comment.len() < 200,
        "{comment:?}"
    );
    assert!(answer.length < 1400);
}

#[test]
fn a_granted_store_cannot_be_left() {
    let component = guest("wants-store");
    let sha256 = sha256_of(&component);
    let server = Server::start(&format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"hostile\"\n[PLUGINS.hostile]\n\
         COMPONENT = {component:?}\nSHA256 = {sha256:?}\nALLOW = {{ STORE = \"prints\" }}\n"
    ));
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    let stored: Vec<PathBuf> = server.stored().into_keys().collect();
    assert_eq!(stored, [PathBuf::from("prints/ok.jpg")]);
}

#[test]
fn a_well_behaved_guest_sees_the_upload_and_nothing_else() {
    let server = server_with("echo", LIMITS);
    let request = Request::new().to(&["hostile@example.org"]).text("Grüße");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered", "Grüße", "SAM_0042.JPG", "Camera@samsungcamera.com"]);
}

#[test]
fn the_network_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = Server::start(&format!(
        "[ACTIONS]\n\"hostile@example.org\" = \"hostile\"\n[PLUGINS.hostile]\nCOMPONENT = {:?}\n\
         [HOSTILE]\nADDRESS = \"{}\"\n",
        guest("open-socket"),
        listener.local_addr().unwrap()
    ));
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["rejected an upload", "all refused"]);
    assert_reported(&server, "open-socket");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_guests_words_cannot_move_the_cursor_or_forge_a_line() {
    let server = server_with("log-escapes", LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["delivered: delivered"]);
    let log = server.log();
    assert!(log.contains("forged: line"));
    assert!(!log.contains(['\u{1b}', '\u{9b}', '\u{7}']));
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")));
}

#[test]
fn a_guest_sees_nothing_of_the_machine() {
    let server = server_with("look-around", LIMITS);
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["sees 0 variables, 0 arguments, / [], /upload [\"SAM_0042.JPG\"], /proc []"]);
    assert_reported(&server, "look-around");
}

#[test]
fn an_effect_before_a_trap_stays_and_is_not_repeated_by_the_next_attempt() {
    let component = guest("trap-after-effect");
    let sha256 = sha256_of(&component);
    let server = Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"hostile@example.org\" = \"hostile\"\n\
         [PLUGINS.hostile]\nCOMPONENT = {component:?}\nSHA256 = {sha256:?}\n\
         ALLOW = {{ STORE = \"prints\" }}\n"
    ));
    let answer = server.send(&Request::new().to(&["hostile@example.org"]).bytes());
    assert_eq!(answer.body, SUCCESS);
    server.logged(&["after the effect", "parked", "attempt=3"]);
    assert_reported(&server, "trap-after-effect");
    let stored: Vec<PathBuf> = files_below(&server.folder().join("upload")).into_keys().collect();
    assert_eq!(stored, [PathBuf::from("prints/SAM_0042.JPG")]);
}

#[test]
fn a_thousand_hostile_calls_leave_memory_and_descriptors_as_they_were() {
    let config = format!(
        "REPEAT_WINDOW = \"0 s\"\nRETRY_DELAYS = [\"0 s\", \"1 h\"]\n\
         [ACTIONS]\n\"check@example.org\" = \"hostile-in-check\"\n\
         \"deliver@example.org\" = \"many-handles\"\n\
         [PLUGINS.hostile-in-check]\nCOMPONENT = {:?}\nLIMITS = {{ {WIDE} }}\n\
         [PLUGINS.many-handles]\nCOMPONENT = {:?}\nLIMITS = {{ {WIDE} }}\n",
        guest("hostile-in-check"),
        guest("many-handles"),
    );
    let server = Server::start(&config);
    let behaviours = ["trap", "exit", "huge string", "grow memory", "recursion"];
    let round = |calls: usize| {
        for behaviour in behaviours.iter().cycle().take(calls) {
            let request = Request::new().to(&["check@example.org"]).text(behaviour);
            server.send(&request.bytes()).assert_error(500, "Delivery failed");
        }
        server.footprint()
    };
    // As many as an action may fail in a row before it is paused.
    for _ in 0..4 {
        let request = Request::new().to(&["deliver@example.org"]);
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    }
    let (memory, descriptors) = round(200);
    let (memory_after, descriptors_after) = round(1000);
    eprintln!(
        "{memory} KiB, {descriptors} descriptors; after 1 000 calls {memory_after} KiB, {descriptors_after}"
    );
    assert!(descriptors_after <= descriptors + 4, "{descriptors} to {descriptors_after}");
    assert!(memory_after < memory + (8 << 10), "{memory} KiB to {memory_after} KiB");
}

#[test]
fn every_guest_has_a_test() {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests");
    let text = |folder: &std::path::Path| -> Vec<(String, String)> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .map(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect()
    };
    let sources: String = text(&tests).into_iter().map(|(_, source)| source).collect();
    for (guest, _) in text(&tests.join("guests/examples")) {
        assert!(sources.contains(&format!("\"{guest}\"")), "no test puts {guest} before the host");
    }
}
