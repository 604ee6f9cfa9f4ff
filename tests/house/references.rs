//! What sources and documents refer to.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::files_below;
use crate::languages::root;

/// All texts of the project that may refer to something, with where they lie.
fn texts() -> Vec<(PathBuf, String)> {
    let extensions = ["rs", "md", "toml", "wit", "sh", "py", "js", "c", "go"];
    let files = extensions.iter().flat_map(|extension| files_below(&root(), extension));
    files.map(|path| (path.clone(), fs::read_to_string(path).unwrap_or_default())).collect()
}

/// The words of a text that end with `.md`.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let outside = |c: char| !(c.is_alphanumeric() || "._-/".contains(c));
    let words = text.split(outside).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.ends_with(".md") && word.len() > 3)
}

#[test]
fn every_document_that_is_named_exists() {
    let all = files_below(&root(), "md");
    let mut missing = Vec::new();
    for (path, text) in texts() {
        for named in documents(&text) {
            // A source names a document without saying all of where it lies.
            if !all.iter().any(|document| document.ends_with(named.trim_start_matches("../")))
                && !text.contains(&format!("//{named}"))
            {
                missing.push(format!("{} names {named}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such documents:\n{}", missing.join("\n"));
}

/// The sections, deviations, vectors and cases that `docs/protocol.md` has.
fn defined() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let mut defined = BTreeSet::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("##") {
            let number = heading.trim_start_matches('#').trim().split(' ').next().unwrap();
            defined.insert(number.trim_end_matches('.').to_owned());
        } else if let Some(row) = line.strip_prefix("| ") {
            defined.extend(ids(row.split('|').next().unwrap()));
        }
    }
    // In the text above the cases.
    defined.extend(["J1", "J2", "V1"].map(str::to_owned));
    defined
}

/// Ids of the protocol in a text, those between `V05-V07` included.
fn ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let outside = |c: char| !c.is_alphanumeric();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric()) {
        let behind = &rest[start..];
        let length = behind.find(outside).unwrap_or(behind.len());
        let (word, after) = behind.split_at(length);
        let mut letters = word.chars();
        let kind = letters.next().unwrap();
        if "ADJKV".contains(kind)
            && letters.clone().count() > 0
            && letters.all(|c| c.is_ascii_digit())
        {
            let up_to = rest[..start].strip_suffix('-');
            let from = up_to.and_then(|_| ids.last()?.strip_prefix(kind)?.parse::<u8>().ok());
            if let (Some(from), Ok(to)) = (from, word[1..].parse::<u8>()) {
                ids.extend((from + 1..to).map(|number| format!("{kind}{number:02}")));
            }
            ids.push(word.to_owned());
        }
        rest = after;
    }
    ids
}

/// What stands behind `protocol.md` as far as it is numbers and ids.
fn referred(text: &str) -> Vec<String> {
    let mut referred = Vec::new();
    for (at, name) in text.match_indices("protocol.md") {
        // A reference goes on in the next line of a comment.
        let behind = text[at + name.len()..].replace("\n//!", "").replace("\n///", "");
        let behind = behind.replace("\n//", "").replace('\n', " ");
        let behind = behind.trim_start_matches(['`', ' ']);
        let behind = behind.split(". ").next().unwrap();
        let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || " .,()-".contains(c)));
        for word in behind[..end.unwrap_or(behind.len())].split([' ', ',', '(', ')']) {
            for part in word.split('-') {
                let part = part.trim_end_matches('.');
                let is_number = part.starts_with(|c: char| c.is_ascii_digit());
                if is_number || !ids(part).is_empty() {
                    referred.push(part.to_owned());
                }
            }
            let is_reference = |c: char| c.is_ascii_digit() || "ADJKV.-".contains(c);
            if !word.is_empty() && !word.starts_with(is_reference) && word != "and" {
                break;
            }
        }
    }
    referred
}

#[test]
fn every_reference_to_the_protocol_leads_somewhere() {
    let defined = defined();
    let (mut lost, mut count) = (Vec::new(), 0);
    for (path, text) in texts() {
        let cases =
            text.lines().filter_map(|line| line.trim().strip_prefix("/// ")).filter(|line| {
                line.len() == 3 && line.starts_with(['A', 'V']) && !ids(line).is_empty()
            });
        for reference in referred(&text).into_iter().chain(cases.map(str::to_owned)) {
            count += 1;
            if !defined.contains(&reference) {
                lost.push(format!("{}: {reference}", path.display()));
            }
        }
    }
    assert!(count > 100, "only {count} references were found");
    assert!(lost.is_empty(), "docs/protocol.md lacks:\n{}", lost.join("\n"));
}

#[test]
fn references_are_read_as_people_read_them() {
    let read = |text: &str| referred(text).join(" ");
    assert_eq!(read("`protocol.md` 3.2-3.5, 7). Every 9"), "3.2 3.5 7");
    assert_eq!(read("(`protocol.md` 2, D1, D4,\n//! D25). What 8"), "2 D1 D4 D25");
    assert_eq!(read("`protocol.md` 2 (D10), 13 (J2)). 4"), "2 D10 13 J2");
    assert_eq!(read("protocol.md 4.4, V18: another"), "4.4 V18");
    assert_eq!(ids("| V05-V07 | K1").join(" "), "V05 V06 V07 K1");
}
