//! An action in every language: what `plugin new` makes builds as it is, passes
//! its own tests, and delivers the same upload with the same receipt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, afterimage};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The tool of a language, none (with the reason printed) where it cannot be
/// had; that is an error where CI is set.
pub fn tool(path: &str) -> Option<PathBuf> {
    static SETUP: OnceLock<Output> = OnceLock::new();
    let setup = SETUP.get_or_init(|| {
        Command::new(root().join("tests/peers/setup-languages")).output().expect("bash is there")
    });
    let tool = root().join("target/peers").join(path);
    if tool.exists() {
        return Some(tool);
    }
    let reason = String::from_utf8_lossy(&setup.stdout).into_owned();
    assert!(std::env::var_os("CI").is_none(), "{path} is missing: {reason}");
    eprintln!("skipped, {path} is missing: {reason}");
    None
}

/// Runs a command that must succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}");
}

/// Makes a plugin, builds it with `make` and these variables, and runs its
/// tests, a trial, and an upload through a server.
#[track_caller]
fn assert_works(lang: &str, make: impl FnOnce(&mut Command)) {
    let folder = TempDir::new().unwrap();
    let program = |folder: &Path, arguments: &[&str]| {
        let output = afterimage(folder, arguments);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{text}");
        text
    };
    program(folder.path(), &["plugin", "new", "--lang", lang, "holiday"]);
    let plugin = folder.path().join("holiday");
    let mut command = Command::new("make");
    command.current_dir(&plugin);
    make(&mut command);
    run(&mut command);

    let inspected = program(&plugin, &["plugin", "inspect", "holiday.wasm"]);
    assert!(inspected.to_lowercase().contains(&format!("language  {lang}")), "{inspected}");
    assert!(inspected.contains("loads     yes"), "{inspected}");
    program(&plugin, &["plugin", "test", "holiday.wasm", "cases"]);
    let tried = program(&plugin, &["plugin", "try", "holiday.wasm", "--upload", "fixture"]);
    assert!(tried.contains("info  settings {}"), "{tried}");

    let server = Server::start(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"holiday\"\n[PLUGINS.holiday]\nCOMPONENT = {:?}\n",
        plugin.join("holiday.wasm")
    ));
    let request = Request::new().to(&["a@example.org"]).file("A.JPG", &[7; 3_000_000]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["read A.JPG (3000000 bytes) from Camera@samsungcamera.com"]);
    assert!(fs::read_dir(plugin.join("wit")).unwrap().count() > 5);
}

#[test]
fn a_plugin_in_rust_builds_and_delivers() {
    assert_works("rust", |make| {
        // Shares what the test guests have compiled already.
        make.arg("TARGET=".to_owned() + root().join("target/peers/rust").to_str().unwrap());
    });
}

#[test]
fn a_plugin_in_python_builds_and_delivers() {
    let Some(tool) = tool("python/bin/componentize-py") else { return };
    assert_works("python", |make| {
        make.arg(format!("COMPONENTIZE={}", tool.display()));
    });
}

#[test]
fn a_plugin_in_javascript_builds_and_delivers() {
    let Some(tool) = tool("javascript/node_modules/.bin/componentize-qjs") else { return };
    assert_works("javascript", |make| {
        make.arg(format!("COMPONENTIZE={}", tool.display()));
    });
}
