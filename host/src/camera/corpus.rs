//! The checks of the fuzz targets, on stable Rust: over every seed as it is,
//! and with random changes.

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../../fuzz/checks.rs"]
mod checks;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 3, "{target} has too few seeds");
    seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..4),
        proptest::sample::select(vec![
            "\r\n", "\n", "\r", "--", "<", ">", "&", "\"", "\0", "%", "=", ":"
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), piece).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

fn changed(seed: &[u8], changes: Vec<Change>) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let at = |index: Index| index.index(bytes.len() + 1);
        match change {
            Change::Replace(index, byte) => {
                let at = at(index);
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            Change::Insert(index, piece) => {
                let at = at(index);
                bytes.splice(at..at, piece);
            }
            Change::Remove(index, length) => {
                let at = at(index);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Change::Repeat(index, length) => {
                let at = at(index);
                let piece = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn check(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| check(seed));
    let changes = proptest::collection::vec(change(), 1..8);
    proptest!(ProptestConfig::with_cases(512), |(index: Index, changes in changes)| {
        check(&changed(index.get::<Vec<u8>>(&seeds), changes));
    });
}

#[test]
fn a_repaired_head_is_taken_by_a_strict_parser() {
    check("repair", checks::repair);
}

#[test]
fn a_body_gives_the_same_parts_in_any_pieces() {
    check("multipart", checks::multipart);
}

#[test]
fn any_text_can_be_asked_for_its_elements() {
    check("xml", checks::xml);
}

#[test]
fn credentials_are_plain_text_or_an_error() {
    check("login", checks::login);
}

#[test]
fn only_a_search_is_answered_and_shortly() {
    check("ssdp", checks::ssdp);
}

#[test]
fn a_text_comes_out_of_an_answer_as_it_went_in() {
    check("soap", checks::soap);
}

#[test]
fn nothing_of_an_announcement_gets_out_of_its_place() {
    check("didl", checks::didl);
}
