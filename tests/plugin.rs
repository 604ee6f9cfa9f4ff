//! `afterimage plugin`: what an author and an operator do with a component.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::fixture::{PHOTO, Request, SUCCESS, Server, afterimage, assert_expected, guest};

/// A folder with guests under their names, without `.wasm` being anywhere else.
pub fn folder_with(guests: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in guests {
        fs::copy(guest(name), folder.path().join(format!("{name}.wasm"))).unwrap();
    }
    fs::create_dir(folder.path().join("fixture")).unwrap();
    fs::write(folder.path().join("fixture/photo.jpg"), PHOTO).unwrap();
    folder
}

/// `afterimage plugin` in this folder.
pub fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    afterimage(folder, &[&["plugin"], arguments].concat())
}

/// What the command printed, standard error behind standard output.
pub fn text(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

/// A component whose only content is these names: imported, exported.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let section = |id: u8, names: &[&str], entry: &dyn Fn(&str) -> Vec<u8>| -> Vec<u8> {
        let mut body = vec![u8::try_from(names.len()).unwrap()];
        names.iter().for_each(|name| body.extend(entry(name)));
        let mut bytes = vec![id, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        bytes
    };
    let name = |name: &str| [&[0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // One instance type without exports.
    bytes.extend([7, 3, 1, 0x42, 0]);
    if !imports.is_empty() {
        bytes.extend(section(10, imports, &|n| [name(n), vec![5, 0]].concat()));
    }
    if !exports.is_empty() {
        // One empty instance, exported under each name.
        bytes.extend([5, 3, 1, 1, 0]);
        let index = u8::try_from(imports.len()).unwrap();
        bytes.extend(section(11, exports, &|n| [name(n), vec![5, index, 0]].concat()));
    }
    bytes
}

#[test]
fn inspect_shows_what_a_component_asks_for_and_the_lines_to_add() {
    let folder = folder_with(&["wants-store", "echo"]);
    for name in ["wants-store", "echo"] {
        let output = plugin(folder.path(), &["inspect", &format!("{name}.wasm")]);
        assert!(output.status.success());
        assert_expected(&format!("inspect-{name}"), &text(&output));
    }
}

#[test]
fn the_lines_that_inspect_prints_are_those_that_make_it_run() {
    let folder = folder_with(&["wants-store"]);
    let shown = text(&plugin(folder.path(), &["inspect", "wants-store.wasm"]));
    let lines = shown.split_once("config.toml:\n").unwrap().1;
    let path = folder.path().join("wants-store.wasm");
    let lines = lines.replace("wants-store.wasm", path.to_str().unwrap());
    let server = Server::start(&format!("[ACTIONS]\n\"a@example.org\" = \"wants-store\"\n{lines}"));
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).bytes()).body, SUCCESS);
    assert_eq!(server.only_stored().0, "ok.jpg");
}

#[test]
fn inspect_shows_what_a_configuration_grants_and_lacks() {
    let folder = folder_with(&["wants-store"]);
    fs::write(
        folder.path().join("config.toml"),
        "[PLUGINS.printer]\nCOMPONENT = \"wants-store.wasm\"\n",
    )
    .unwrap();
    assert_expected("inspect-not-granted", &text(&plugin(folder.path(), &["inspect", "printer"])));
    assert_expected("inspect-bundled", &text(&plugin(folder.path(), &["inspect", "store"])));
    let unknown = plugin(folder.path(), &["inspect", "nothing"]);
    assert!(!unknown.status.success());
    assert_expected("inspect-unknown", &text(&unknown));
}

#[test]
fn inspect_says_why_a_component_cannot_be_loaded_and_so_does_the_server() {
    let folder = TempDir::new().unwrap();
    let handler = "afterimage:action/handler@0.1.0";
    let cases: [(&str, Vec<u8>); 9] = [
        ("text", b"hello".to_vec()),
        ("core-module", b"\0asm\x01\0\0\0".to_vec()),
        ("no-exports", component(&[], &[])),
        ("other-exports", component(&[], &["wasi:cli/run@0.2.6"])),
        ("newer-contract", component(&["afterimage:action/log@0.1.9"], &[handler])),
        ("unknown-interface", component(&["afterimage:action/teleport@0.1.0"], &[handler])),
        ("foreign-interface", component(&["wasi:nn/tensor@0.2.0"], &[handler])),
        ("wasi-0-3", component(&["wasi:clocks/monotonic-clock@0.3.0"], &[handler])),
        ("junk", [&b"\0asm\x0d\0\x01\0"[..], &[0xee; 200]].concat()),
    ];
    for (name, bytes) in cases {
        fs::write(folder.path().join("x.wasm"), bytes).unwrap();
        let mut shown = text(&plugin(folder.path(), &["inspect", "x.wasm"]));
        fs::write(
            folder.path().join("config.toml"),
            "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = \"x.wasm\"\n",
        )
        .unwrap();
        let served = afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(served.status.code(), Some(78), "{name}");
        shown.push_str(&format!("serve:\n{}", text(&served)));
        assert_expected(&format!("load-{name}"), &shown);
        fs::remove_file(folder.path().join("config.toml")).unwrap();
    }
}

#[test]
fn a_component_of_65_mib_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = fs::File::create(folder.path().join("x.wasm")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let output = plugin(folder.path(), &["inspect", "x.wasm"]);
    assert!(!output.status.success());
    assert_expected("load-too-large", &text(&output));
}

#[test]
fn sixty_megabytes_of_junk_are_refused_before_they_are_compiled() {
    let folder = TempDir::new().unwrap();
    let junk = [&b"\0asm\x0d\0\x01\0"[..], &vec![0xee; 60_000_000]].concat();
    fs::write(folder.path().join("x.wasm"), junk).unwrap();
    fs::write(
        folder.path().join("config.toml"),
        "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = \"x.wasm\"\n",
    )
    .unwrap();
    let served = afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(served.status.code(), Some(78));
    assert_expected("load-large-junk", &text(&served));
}

#[test]
fn other_bytes_than_those_that_were_granted_something_are_refused() {
    let folder = folder_with(&["wants-store"]);
    fs::write(
        folder.path().join("config.toml"),
        format!(
            "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = \"wants-store.wasm\"\n\
             SHA256 = \"{}\"\nALLOW = {{ STORE = \"prints\" }}\n",
            "0".repeat(64)
        ),
    )
    .unwrap();
    let served = afterimage(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(served.status.code(), Some(78));
    assert_expected("load-other-bytes", &text(&served));
}

#[test]
fn add_copies_the_component_and_keeps_what_the_operator_wrote() {
    let folder = folder_with(&["wants-store"]);
    let config = folder.path().join("config.toml");
    fs::write(&config, "# mine\nLISTEN = \"127.0.0.1:0\" # any\n").unwrap();
    let added = plugin(folder.path(), &["add", "wants-store.wasm", "--name", "printer"]);
    assert!(added.status.success(), "{}", text(&added));
    assert_expected("add", &text(&added));
    let written = fs::read_to_string(&config).unwrap();
    assert_expected("add-config", &written);
    let kept: Vec<_> = fs::read_dir(folder.path().join("plugins")).unwrap().collect();
    assert_eq!(kept.len(), 1);

    // The same again changes nothing; other bytes need a word.
    assert!(
        plugin(folder.path(), &["add", "wants-store.wasm", "--name", "printer"]).status.success()
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    fs::copy(guest("echo"), folder.path().join("new.wasm")).unwrap();
    let refused = plugin(folder.path(), &["add", "new.wasm", "--name", "printer"]);
    assert!(!refused.status.success());
    assert_expected("add-again", &text(&refused));
    let updated = plugin(folder.path(), &["add", "new.wasm", "--name", "printer", "--update"]);
    assert!(updated.status.success(), "{}", text(&updated));
    assert_ne!(fs::read_to_string(&config).unwrap(), written);
}

#[test]
fn any_number_of_plugins_can_be_added_and_updated_in_any_order() {
    let folder = folder_with(&["wants-store", "echo", "trap"]);
    for (arguments, succeeds) in [
        (&["add", "wants-store.wasm", "--name", "one"][..], true),
        (&["add", "echo.wasm", "--name", "two"], true),
        (&["add", "trap.wasm", "--name", "two"], false),
        (&["add", "trap.wasm", "--name", "three"], true),
        (&["add", "trap.wasm", "--name", "two", "--update"], true),
        (&["add", "echo.wasm", "--name", "one", "--update"], true),
        (&["add", "echo.wasm", "--name", "four", "--update"], false),
        (&["inspect", "one"], true),
        (&["inspect", "two"], true),
        (&["inspect", "three"], true),
    ] {
        let output = plugin(folder.path(), arguments);
        assert_eq!(output.status.success(), succeeds, "{arguments:?}: {}", text(&output));
    }
}

#[test]
fn add_refuses_what_is_no_action_and_touches_nothing() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let output = plugin(folder.path(), &["add", "x.wasm"]);
    assert!(!output.status.success());
    assert!(text(&output).contains("core module"));
    assert!(!folder.path().join("plugins").exists() && !folder.path().join("config.toml").exists());
}

#[test]
fn try_runs_an_upload_and_shows_every_call() {
    let folder = folder_with(&["wants-store"]);
    let arguments = ["try", "wants-store.wasm", "--upload", "fixture", "--allow", "STORE=prints"];
    let output = plugin(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output));
    assert_expected("try-wants-store", &text(&output));
}

#[test]
fn try_refuses_as_the_server_does() {
    let folder = folder_with(&["wants-store"]);
    let output = plugin(folder.path(), &["try", "wants-store.wasm", "--upload", "fixture"]);
    assert!(!output.status.success());
    assert_expected("try-not-granted", &text(&output));
}

#[test]
fn try_takes_a_grant_of_a_list_with_one_value_and_with_several() {
    let folder = folder_with(&["fetch"]);
    let url = r#"{"URL":"http://127.0.0.1:9/x"}"#;
    let run = |allow: &[&str]| {
        let arguments = ["try", "fetch.wasm", "--upload", "fixture", "--settings", url];
        let allow = allow.iter().flat_map(|allow| ["--allow", allow]);
        text(&plugin(folder.path(), &arguments.into_iter().chain(allow).collect::<Vec<_>>()))
    };
    for allow in [
        &["HTTP=http://127.0.0.1:9"][..],
        &["HTTP=http://a.example.org", "HTTP=http://127.0.0.1:9"],
        &["HTTP=[\"http://a.example.org\"]", "HTTP=http://127.0.0.1:9"],
    ] {
        let text = run(&[allow, &["PRIVATE_NETWORKS=true"]].concat());
        assert!(text.contains("ConnectionRefused"), "{text}");
    }
    let wrong = run(&["HTTP=ftp://a.example.org"]);
    assert!(wrong.contains("--allow: ") && !wrong.contains("config.toml"), "{wrong}");
    let no_value = run(&["STORE"]);
    assert!(no_value.contains("write KEY=VALUE"), "{no_value}");
}

#[test]
fn try_folds_what_a_guest_does_again_and_again() {
    let folder = folder_with(&["calls-for-ever"]);
    let output = plugin(folder.path(), &["try", "calls-for-ever.wasm", "--upload", "fixture"]);
    let text = text(&output);
    assert!(text.contains("CPU budget of 5s spent"), "{text}");
    assert!(text.contains("calls    settings.json() -> \"{}\" ("), "{text}");
    assert!(text.len() < 2_000, "{} bytes", text.len());
}

#[test]
fn try_reports_a_trap_and_fails() {
    let folder = folder_with(&["trap"]);
    let output = plugin(folder.path(), &["try", "trap.wasm", "--upload", "fixture"]);
    assert!(!output.status.success());
    let text = text(&output);
    assert!(text.contains("deliver  FAILED: ") && text.contains("boom in deliver"), "{text}");
}

#[test]
fn try_gives_settings_and_shows_the_guests_log() {
    let folder = folder_with(&["echo"]);
    let arguments =
        ["try", "echo.wasm", "--upload", "fixture", "--settings", r#"{"GREETING":"hello"}"#];
    let output = plugin(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output));
    let text = text(&output);
    let log = text.lines().find(|line| line.starts_with("log      info")).unwrap();
    assert!(log.contains(r#""settings":{"GREETING":"hello"}"#), "{log}");
    assert!(text.contains(r#"settings.json() -> "{\"GREETING\":\"hello\"}""#), "{text}");
}

#[test]
fn try_does_not_run_an_action_without_its_settings() {
    let folder = folder_with(&["echo"]);
    fs::write(
        folder.path().join("config.toml"),
        "[ECHO]\nGREETING = \"hello\"\n[PLUGINS.echo]\nCOMPONENT = \"echo.wasm\"\n",
    )
    .unwrap();
    let arguments = ["try", "echo.wasm", "--upload", "fixture", "--config", "config.toml"];
    let output = plugin(folder.path(), &[&arguments[..], &["--action", "echo"]].concat());
    assert!(!output.status.success());
    assert_expected("try-not-mapped", &text(&output));
}

#[test]
fn a_recorded_run_is_a_test_that_passes_and_notices_a_change() {
    let folder = folder_with(&["wants-store", "echo"]);
    fs::create_dir(folder.path().join("cases")).unwrap();
    let recorded = plugin(
        folder.path(),
        &[
            "try",
            "wants-store.wasm",
            "--upload",
            "fixture",
            "--allow",
            "STORE=prints",
            "--record",
            "cases/stores.toml",
        ],
    );
    assert!(recorded.status.success(), "{}", text(&recorded));
    let case = folder.path().join("cases/stores.toml");
    assert_expected("record", &fs::read_to_string(&case).unwrap());
    let passed = plugin(folder.path(), &["test", "wants-store.wasm", "cases"]);
    assert!(passed.status.success(), "{}", text(&passed));

    let other = fs::read_to_string(&case).unwrap().replace("ok.jpg\")'", "other.jpg\")'");
    fs::write(&case, other).unwrap();
    let failed = plugin(folder.path(), &["test", "wants-store.wasm", "cases"]);
    assert!(!failed.status.success());
    assert_expected("test-other-call", &text(&failed));
    let missing = plugin(folder.path(), &["test", "echo.wasm", "cases"]);
    assert!(!missing.status.success());
    assert!(text(&missing).contains("missing call: store.put(0, "), "{}", text(&missing));
}

#[test]
fn watch_runs_again_when_the_component_has_other_bytes() {
    let folder = folder_with(&["echo", "trap"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder.path())
        .args(["plugin", "try", "echo.wasm", "--upload", "fixture", "--watch"])
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("deliver  ok(")));
    fs::rename(folder.path().join("trap.wasm"), folder.path().join("echo.wasm")).unwrap();
    assert!(lines.any(|line| line.starts_with("--- echo.wasm sha256 ")));
    assert!(lines.any(|line| line.starts_with("deliver  FAILED: ")));
    child.kill().unwrap();
    child.wait().unwrap();
}
