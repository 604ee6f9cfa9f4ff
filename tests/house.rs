//! The rules that ARCHITECTURE.md draws: who may use whom, how long a file may
//! be, and that what a source refers to is there.

mod imports;
mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Module, Sources};

use crate::languages::root;

/// The rooms of `host/src`, the highest floor first. A room uses those on lower
/// floors, none above it and none beside it.
const FLOORS: [&[&str]; 13] = [
    &["main"],
    &["cli"],
    &["server"],
    &["config"],
    &["delivery", "trial", "web"],
    &["backup", "bundled", "dns"],
    &["camera", "plugin"],
    &["capability", "spool"],
    &["component"],
    &["emulator"],
    &["folder_pattern"],
    &["contract", "pairing", "upload", "xml"],
    &[
        "action_name",
        "current",
        "date",
        "digest",
        "file_name",
        "latest",
        "networks",
        "open_files",
        "password",
        "secret",
        "text",
        "values",
    ],
];

/// Crates, and the rooms that alone take them. No room but the spool knows the
/// database, so that another can stand behind it; none that speaks with cameras
/// can run or reach anything.
const TAKEN_BY: [(&str, &[&str]); 8] = [
    ("rusqlite", &["spool"]),
    ("hyper", &["backup", "camera", "capability", "web"]),
    ("reqwest", &["capability", "cli"]),
    ("lettre", &["capability"]),
    ("wasmparser", &["component"]),
    ("wasmtime", &["capability", "component", "contract", "plugin", "trial"]),
    ("wasmtime_wasi", &["capability", "component", "plugin", "trial"]),
    ("wasmtime_wasi_http", &["capability", "component", "plugin", "trial"]),
];

/// Rooms on lower floors that a room must not use, either.
const NEVER: [(&str, &str); 3] =
    [("camera", "capability"), ("camera", "component"), ("backup", "capability")];

/// More than one sitting cannot take in.
const LONGEST: usize = 400;

/// Every file below `folder` with this extension, in order.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Everything in which `sources` break the rules, a line each.
fn broken_rules(sources: &Sources) -> Vec<String> {
    let floors: BTreeMap<&str, usize> = FLOORS
        .iter()
        .rev()
        .enumerate()
        .flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor)))
        .collect();
    let floor = |module: &[String]| floors.get(module[0].as_str()).copied();
    let mut broken = Vec::new();
    for module in sources.modules().filter(|module| !module.is_empty()) {
        if floor(module).is_none() {
            broken.push(format!("{} stands on no floor", sources.path(module)));
        }
        let taken = sources.first_parts(module);
        for (name, rooms) in TAKEN_BY {
            if taken.contains(name) && !rooms.contains(&module[0].as_str()) {
                broken.push(format!("{} must not take {name}", sources.path(module)));
            }
        }
    }
    let arrows = sources.arrows();
    for (user, used) in &arrows {
        let within = user.is_empty() || user[0] == used[0];
        let never = !within && NEVER.contains(&(user[0].as_str(), used[0].as_str()));
        if never || !within && floor(user) <= floor(used) {
            broken.push(format!("{} must not use {}", sources.path(user), sources.path(used)));
        }
    }
    // A file may use those that it is a part of, and they it.
    let downwards = arrows.iter().filter(|(user, used)| !user.starts_with(used));
    for circle in circles(downwards) {
        let files: Vec<&str> = circle.iter().map(|module| sources.path(module)).collect();
        broken.push(format!("{} use each other in a circle", files.join(", ")));
    }
    broken
}

/// Modules from each of which the others can be reached.
fn circles<'a>(
    arrows: impl Iterator<Item = &'a (Module, Module)>,
) -> BTreeSet<BTreeSet<&'a Module>> {
    let mut used: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for (from, to) in arrows {
        used.entry(from).or_default().insert(to);
    }
    let reached = |from| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            let fresh = used.get(module).into_iter().flatten().filter(|to| reached.insert(**to));
            next.extend(fresh);
        }
        reached
    };
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        used.keys().map(|from| (*from, reached(*from))).collect();
    let returns =
        |from: &Module, to: &Module| reached.get(to).is_some_and(|all| all.contains(from));
    let own = reached.iter().filter(|(from, to)| to.contains(*from));
    own.map(|(from, to)| to.iter().copied().filter(|to| returns(from, to)).collect()).collect()
}

#[test]
fn imports_go_down_and_no_files_use_each_other_in_a_circle() {
    let broken = broken_rules(&Sources::read(&root().join("host/src")));
    assert!(broken.is_empty(), "see ARCHITECTURE.md:\n{}", broken.join("\n"));
}

/// Sources with these files, of which one breaks a rule; what is said of it.
#[track_caller]
fn assert_broken(files: &[(&str, &str)], said: &str) {
    let all = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    assert_eq!(broken_rules(&Sources::of(all)), [said]);
}

#[test]
fn an_import_that_goes_up_is_found_however_it_is_written() {
    for import in [
        "use crate::config::Config;",
        "use crate::{\n    // words\n    config::{self, Config as _},\n};",
        "use super::super::config;",
        "fn f(config: &crate::config::Config) {}",
        "use crate::config; const TEXT: &str = r#\"// \"#; fn f<'a>(config: &'a config::Config) {}",
    ] {
        let files = [("config/mod.rs", "pub struct Config;"), ("camera/wire.rs", import)];
        assert_broken(&files, "camera/wire.rs must not use config/mod.rs");
    }
}

#[test]
fn an_import_that_is_passed_on_counts_where_it_lies() {
    let files = [
        ("spool/mod.rs", "mod queue; pub use queue::Queue;"),
        ("spool/queue.rs", "use super::ledger;"),
        ("spool/ledger.rs", "use crate::spool::Queue;"),
    ];
    assert_broken(&files, "spool/ledger.rs, spool/queue.rs use each other in a circle");
}

#[test]
fn an_import_beside_and_one_of_a_forbidden_crate_are_found() {
    let files = [
        ("plugin/call.rs", "use crate::camera::mask;"),
        ("camera/mod.rs", "mod mask;"),
        ("camera/mask.rs", ""),
    ];
    assert_broken(&files, "plugin/call.rs must not use camera/mask.rs");
    let files = [("camera/mask.rs", "use crate::capability;"), ("capability/mod.rs", "")];
    assert_broken(&files, "camera/mask.rs must not use capability/mod.rs");
    let files = [("spool/queue.rs", "use hyper::body::Bytes;")];
    assert_broken(&files, "spool/queue.rs must not take hyper");
    assert_broken(&[("utils.rs", "")], "utils.rs stands on no floor");
}

#[test]
fn what_goes_down_or_only_tests_take_breaks_no_rule() {
    let files = [
        ("config/mod.rs", "mod file; use crate::camera::Settings; pub use file::File;"),
        ("config/file.rs", "use super::Config; // use crate::cli;"),
        ("camera/mod.rs", "mod wire; pub struct Settings; #[cfg(test)] mod tests;"),
        ("camera/wire.rs", "use std::fmt; #[cfg(test)] mod tests { use crate::config::Config; }"),
        ("camera/tests.rs", "use crate::config::Config;"),
    ];
    let all = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(broken_rules(&Sources::of(all)), [""; 0]);
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<String> = files_below(&root(), "rs")
        .iter()
        .filter(|path| lines(path) > LONGEST)
        .map(|path| format!("{}: {} lines", path.display(), lines(path)))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines:\n{}", long.join("\n"));
}
