//! An action in every language: what `plugin new` makes builds as it is, and
//! one sink, written in each (`tests/languages/`), delivers the same upload
//! with the same receipt and refuses the same ones with the same words.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use tempfile::TempDir;

use crate::fixture::mastodon::{Reply, Scripted};
use crate::fixture::peers::installed;
use crate::fixture::{Request, SUCCESS, Server, afterimage, sha256};

const LANGUAGES: [&str; 5] = ["rust", "python", "javascript", "c", "go"];

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// `make` with what it takes to build a plugin in `language` by the tools of
/// `make peers`; none where those are not there.
fn make(language: &str) -> Option<Command> {
    let peers = root().join("target/peers").to_str().unwrap().to_owned();
    let tool = |path| Some(installed(path)?.to_str()?.to_owned());
    let mut make = Command::new("make");
    match language {
        // All share what one of them has compiled.
        "rust" => drop(make.arg(format!("TARGET={peers}/rust"))),
        "python" => {
            make.arg("COMPONENTIZE=".to_owned() + &tool("python/bin/componentize-py")?);
        }
        "javascript" => {
            let tool = tool("javascript/node_modules/.bin/componentize-qjs")?;
            make.arg("COMPONENTIZE=".to_owned() + &tool);
        }
        "c" => {
            make.arg("CC=".to_owned() + &tool("c/bin/clang")?);
            make.arg("CFLAGS=-Os -Wall -Wextra -Werror");
        }
        "go" => {
            make.arg("GO=".to_owned() + &tool("go/bin/go")?);
            make.env("GOPROXY", format!("file://{}", tool("tools/proxy")?)).env("GOSUMDB", "off");
            make.env("GOFLAGS", "-mod=mod -modcacherw").env("GOTOOLCHAIN", "local");
            make.env("GOPATH", format!("{peers}/go/path"));
            make.env("GOCACHE", format!("{peers}/go/cache"));
        }
        other => panic!("{other}"),
    }
    if ["c", "go"].contains(&language) {
        make.arg("WIT_BINDGEN=".to_owned() + &tool("tools/bin/wit-bindgen")?);
        make.arg("LINKER=".to_owned() + &tool("tools/bin/wasm-component-ld")?);
    }
    Some(make)
}

/// Runs a command that must succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}");
}

#[track_caller]
fn program(folder: &Path, arguments: &[&str]) -> String {
    let output = afterimage(folder, arguments);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{text}");
    text
}

/// A server that finds compiled what `plugin test` and `plugin try` compiled.
fn server(config: &str) -> Server {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("spool")).unwrap();
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("afterimage/compiled");
    std::os::unix::fs::symlink(compiled, folder.path().join("spool/compiled")).unwrap();
    Server::start_in(folder, &format!("SPOOL_FOLDER = \"spool\"\n{config}"))
}

/// Makes a plugin, builds it, and runs its tests, a trial, and an upload
/// through a server.
#[track_caller]
fn assert_works(language: &str) {
    let Some(mut make) = make(language) else { return };
    let folder = TempDir::new().unwrap();
    program(folder.path(), &["plugin", "new", "--lang", language, "holiday"]);
    let plugin = folder.path().join("holiday");
    run(make.current_dir(&plugin));

    let inspected = program(&plugin, &["plugin", "inspect", "holiday.wasm"]);
    assert!(inspected.to_lowercase().contains(&format!("language  {language}")), "{inspected}");
    assert!(inspected.contains("loads     yes"), "{inspected}");
    program(&plugin, &["plugin", "test", "holiday.wasm", "cases"]);
    let tried = program(&plugin, &["plugin", "try", "holiday.wasm", "--upload", "fixture"]);
    assert!(tried.contains("info  settings {}"), "{tried}");

    let server = server(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"holiday\"\n[PLUGINS.holiday]\nCOMPONENT = {:?}\n",
        plugin.join("holiday.wasm")
    ));
    let request = Request::new().to(&["a@example.org"]).file("A.JPG", &[7; 3_000_000]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["read A.JPG (3000000 bytes) from Camera@samsungcamera.com"]);
    let contract = plugin.join("wit/deps/afterimage-action");
    assert!(fs::read_dir(contract).unwrap().count() > 5);
}

#[test]
fn a_plugin_in_rust_builds_and_delivers() {
    assert_works("rust");
}

#[test]
fn a_plugin_in_python_builds_and_delivers() {
    assert_works("python");
}

#[test]
fn a_plugin_in_javascript_builds_and_delivers() {
    assert_works("javascript");
}

#[test]
fn a_plugin_in_c_builds_and_delivers() {
    assert_works("c");
}

#[test]
fn a_plugin_in_go_builds_and_delivers() {
    assert_works("go");
}

/// Makes a plugin in `language`, puts the files of `tests/languages/<sources>`
/// over it, changes it with `prepare`, and builds it.
#[track_caller]
fn build(language: &str, sources: &str, prepare: impl Fn(&Path)) -> Option<PathBuf> {
    let mut make = make(language)?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages").join(sources);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    program(&folder, &["plugin", "new", "--lang", language, "sink"]);
    let plugin = folder.join("sink");
    let sources = root().join("tests/languages").join(sources);
    run(Command::new("cp").arg("-r").arg(sources.join(".")).arg(&plugin));
    prepare(&plugin);
    run(make.current_dir(&plugin));
    Some(plugin.join("sink.wasm"))
}

/// The sink in `language`, built by the first test that wants it.
#[track_caller]
fn sink(language: &str) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap();
    if let Some(component) = built.get(language) {
        return Some(component.clone());
    }
    let component = build(language, language, |plugin| {
        if language == "rust" {
            let manifest = fs::read_to_string(plugin.join("Cargo.toml")).unwrap();
            let section = "[dependencies]\n";
            assert!(manifest.contains(section), "{manifest}");
            let more = format!("{section}serde_json = \"1\"\nsha2 = \"0.10\"\n");
            fs::write(plugin.join("Cargo.toml"), manifest.replace(section, &more)).unwrap();
        }
    })?;
    built.insert(language.to_owned(), component.clone());
    Some(component)
}

/// The sinks that can be built here, by language.
#[track_caller]
fn sinks() -> Vec<(&'static str, PathBuf)> {
    LANGUAGES.into_iter().filter_map(|language| Some((language, sink(language)?))).collect()
}

/// Answers, receipts, failures and notes: the cases say what every language
/// must answer, word by word.
#[test]
fn every_language_answers_the_same() {
    let cases = root().join("tests/languages/cases");
    for (language, component) in sinks() {
        let arguments = ["plugin", "test", component.to_str().unwrap(), cases.to_str().unwrap()];
        let tested = program(component.parent().unwrap(), &arguments);
        let count = fs::read_dir(&cases).unwrap().count() - 1;
        assert!(tested.contains(&format!("{count} passed, 0 failed")), "{language}: {tested}");
    }
}

#[test]
fn every_language_logs_the_same() {
    let upload = root().join("tests/languages/cases/uploads/two");
    let upload = upload.to_str().unwrap();
    let mut first: Option<(&str, String)> = None;
    for (language, component) in sinks() {
        let component = component.to_str().unwrap();
        let settings = r#"{"ALBUM": "2015"}"#;
        let arguments = ["plugin", "try", component, "--upload", upload, "--settings", settings];
        let tried = program(Path::new("."), &arguments);
        let log = tried.split("\nlog ").nth(1).expect("the sink logs").to_owned();
        assert_eq!(log.lines().count(), 3, "{language}: {tried}");
        let (other, expected) = first.get_or_insert_with(|| (language, log.clone()));
        assert_eq!(log, *expected, "{language} and {other}");
    }
}

#[test]
fn every_language_delivers_the_same_upload_with_the_same_receipt() {
    let sinks = sinks();
    let mut config = "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n".to_owned();
    for (language, _) in &sinks {
        config += &format!("\"{language}@example.org\" = \"{language}\"\n");
        config += &format!("\"{language}-unset@example.org\" = \"{language}-unset\"\n");
    }
    for (language, component) in &sinks {
        config += &format!("[{}]\nALBUM = \"2015\"\n", language.to_uppercase());
        for name in [(*language).to_owned(), format!("{language}-unset")] {
            config += &format!("[PLUGINS.{name}]\nCOMPONENT = {component:?}\n");
        }
    }
    let mut server = server(&config);

    // More than a block of `files.read`.
    let photo: Vec<u8> = (0..1_200_000_u32).map(|n| (n % 251) as u8).collect();
    let upload = |language: &str| {
        let recipient = format!("{language}@example.org");
        Request::new().to(&[&recipient]).title("Grüße").file("SAM_0042.JPG", &photo)
    };
    let answers = |request: &dyn Fn(&str) -> Request| {
        let mut answers = Vec::new();
        for (language, _) in &sinks {
            let answer = server.send(&request(language).bytes());
            answers.push(format!("{} {}", answer.status, answer.body));
        }
        answers
    };
    let same = |answers: Vec<String>, words: &str| {
        assert!(answers[0].contains(words), "{answers:?}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    };
    same(answers(&|language| upload(&format!("{language}-unset"))), "ALBUM is missing");
    let four = |language: &str| {
        let recipient = format!("{language}@example.org");
        let request = Request::new().to(&[&recipient]);
        ["A.JPG", "B.JPG", "C.JPG"]
            .iter()
            .fold(request.file("SAM_0042.JPG", b"a photo"), |request, name| {
                request.and_file(name, b"a photo")
            })
    };
    same(answers(&four), "at most 3 pictures");
    same(answers(&upload), SUCCESS);
    server.settle();

    let receipt = |delivery: &serde_json::Value, language: &str| {
        let receipt = delivery["receipt"].as_str().unwrap().to_owned();
        let recipient = format!(" to {language}@example.org ");
        assert!(receipt.contains(&recipient), "{receipt}");
        (receipt.replace(&recipient, " to ... "), delivery["links"].clone())
    };
    let deliveries = server.deliveries(&["--all"]);
    assert_eq!(deliveries.len(), sinks.len(), "{deliveries:#?}");
    let receipts: Vec<_> = sinks
        .iter()
        .map(|(language, _)| {
            let its = deliveries.iter().find(|delivery| delivery["action"] == *language);
            receipt(its.expect("each has one"), language)
        })
        .collect();
    let content = format!("SAM_0042.JPG (1200000 bytes, sha256 {})", sha256(&photo));
    assert!(receipts[0].0.contains(&content), "{receipts:?}");
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:#?}");

    // The components are compiled by now. How long each one's first delivery
    // after a start of the server takes, from the camera's first byte on:
    server = server.restart();
    for (language, _) in &sinks {
        let request = Request::new().to(&[&format!("{language}@example.org")]);
        let request = request.file("SAM_0042.JPG", b"a photo").title("after the start").bytes();
        let start = Instant::now();
        assert_eq!(server.send(&request).body, SUCCESS);
        server.logged(&["delivered: ", &format!(" to {language}@"), "after the start"]);
        eprintln!("{language}: first delivery {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    }
}

/// WASI's interfaces, as the crate `wasip2` has them.
fn wasi() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--locked", "--format-version", "1"]);
    let metadata: serde_json::Value =
        serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let its = packages
        .iter()
        .find(|p| p["name"] == "wasip2" && p["version"].as_str().unwrap().starts_with("2."));
    let manifest = its.expect("plugins/mastodon uses it")["manifest_path"].as_str().unwrap();
    Path::new(manifest).with_file_name("wit").join("deps")
}

/// Sends an upload's file by `wasi:http`, which has no other test in this
/// language.
#[track_caller]
fn assert_makes_requests(language: &str) {
    let component = build(language, &format!("http/{language}"), |plugin| {
        let world = root().join("tests/languages/http/plugin.wit");
        fs::copy(world, plugin.join("wit/plugin.wit")).unwrap();
        run(Command::new("cp").arg("-r").arg(wasi().join(".")).arg(plugin.join("wit/deps")));
    });
    let Some(component) = component else { return };
    let answer = |status| Reply::Answer(status, String::new(), String::new());
    let put = "PUT /SAM_0042.JPG";
    let peer = Scripted::start(vec![(put, answer(201)), (put, answer(503))]);
    let folder = TempDir::new().unwrap();
    let photo: Vec<u8> = (0..10_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(folder.path().join("SAM_0042.JPG"), &photo).unwrap();
    let attempt = |allow: &[&str]| {
        let settings = serde_json::json!({ "SERVER": peer.address().to_string() }).to_string();
        let arguments = ["plugin", "try", component.to_str().unwrap(), "--upload", "."];
        let arguments = [&arguments[..], &["--settings", &settings], allow].concat();
        let output = afterimage(folder.path(), &arguments);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let http = format!("HTTP=[{:?}]", peer.url);
    let allow = ["--allow", &http, "--allow", "PRIVATE_NETWORKS=true"];

    let refused = attempt(&[]);
    assert!(refused.contains("err(retry({"), "{refused}");
    assert!(refused.contains(&format!("ALLOW = {{ HTTP = [{:?}]", peer.url)), "{refused}");
    assert!(peer.seen().is_empty());

    let delivered = attempt(&allow);
    assert!(delivered.contains("put 1 files"), "{delivered}");
    assert_eq!(peer.requests(put)[0].body, photo);

    let busy = attempt(&allow);
    assert!(busy.contains("the server answers 503"), "{busy}");
}

#[test]
fn a_plugin_in_c_makes_requests() {
    assert_makes_requests("c");
}

#[test]
fn a_plugin_in_go_makes_requests() {
    assert_makes_requests("go");
}
