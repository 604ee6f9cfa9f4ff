//! Components of other editions of the contract: those of 0.1.0, as it was
//! first written down, go on working; those whose types are others are refused
//! before they are called.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use crate::fixture::{Request, SUCCESS, Server, assert_expected, guest, hostile};
use crate::plugin::{plugin, text};

/// The contract as it was when 0.1.0 was written down.
fn first_edition() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/data/contract-0.1.0")
}

/// A component of `world` in the first edition with `change` made to its text.
/// It has every function and does nothing.
fn component(world: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(first_edition()).unwrap() {
        let path = entry.unwrap().path();
        let text = change(fs::read_to_string(&path).unwrap());
        fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder.path()).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

fn inspected(component: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x.wasm"), component).unwrap();
    let shown = text(&plugin(folder.path(), &["inspect", "x.wasm"]));
    let loads = shown.lines().find(|line| line.starts_with("  loads ")).unwrap_or_else(|| {
        panic!("{shown}");
    });
    loads.trim_start_matches("  loads     ").to_owned()
}

#[test]
fn components_of_the_first_edition_load() {
    for world in ["action", "action-full"] {
        assert_eq!(inspected(&component(world, |text| text)), "yes", "{world}");
    }
}

#[test]
fn components_of_the_first_edition_go_on_working() {
    let server = Server::start(&hostile("since-0-1-0", "", "GREETING = \"hello\""));
    assert_eq!(server.send(&Request::new().to(&["hostile@example.org"]).bytes()).body, SUCCESS);
    server.logged(&["delivered: 1 of Camera@samsungcamera.com, {\"GREETING\":\"hello\"}"]);

    let server = Server::start(&hostile("since-0-1-0-full", "STORE = \"kept\"", ""));
    assert_eq!(server.send(&Request::new().to(&["hostile@example.org"]).bytes()).body, SUCCESS);
    server.logged(&["delivered: kept/SAM_0042.JPG, 8 bytes of notes"]);
}

#[test]
fn a_component_with_other_types_is_refused_whatever_the_difference() {
    let cases = [
        ("        sha256: string,\n", "", "a field less"),
        ("        size: u64,\n", "        size: u64,\n        more: bool,\n", "a field more"),
        ("        size: u64,\n", "        size: u32,\n", "another type"),
        ("        size: u64,\n", "        bytes: u64,\n", "another name"),
        ("camera: option<string>", "camera: string", "no option"),
        ("variant failure {", "variant failure {\n        never,\n", "a case more"),
        ("        too-large,\n", "", "a case less"),
        ("enum origin {", "enum origin {\n        mms,\n", "a case before the others"),
        ("-> result<u32, rejection>", "-> result<u64, rejection>", "another answer of check"),
        ("check: func(draft: upload)", "check: func(upload: upload)", "another parameter"),
        ("list<tuple<string, string>>", "list<tuple<string, u32>>", "other pairs"),
    ];
    let mut shown = String::new();
    for (before, after, what) in cases {
        let found = std::cell::Cell::new(false);
        let bytes = component("action-full", |text| {
            found.set(found.get() || text.contains(before));
            text.replace(before, after)
        });
        assert!(found.get(), "{before:?} is not in the contract");
        let loads = inspected(&bytes);
        assert!(loads.starts_with("no: "), "{what}: {loads}");
        shown.push_str(&format!("{what}: {loads}\n"));
    }
    assert_expected("load-other-types", &shown);
}

#[test]
fn an_import_with_other_types_is_refused_too() {
    let bytes = component("action-full", |text| {
        text.replace("put: func(file: u32, name: string)", "put: func(file: u64, name: string)")
    });
    let loads = inspected(&bytes);
    assert!(loads.contains("store.put") && loads.contains("parameter file"), "{loads}");
}

#[test]
fn a_component_with_other_types_never_takes_the_place_of_one_that_works() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.wasm");
    fs::copy(guest("echo"), &file).unwrap();
    let server = Server::start(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"x\"\n[PLUGINS.x]\nCOMPONENT = {file:?}\n"
    ));
    let draft = folder.path().join("draft");
    let bytes = component("action", |text| text.replace("        sha256: string,\n", ""));
    fs::write(&draft, bytes).unwrap();
    fs::rename(&draft, &file).unwrap();
    server.signal("HUP");
    server.logged(&["handler.check", "lacks the field sha256"]);
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).bytes()).body, SUCCESS);
    server.logged(&["delivered"]);
}
