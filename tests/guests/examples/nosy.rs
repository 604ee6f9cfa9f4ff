//! Looks everywhere it can reach for the word in its settings, and rejects
//! with the places where it is.

use std::fs;
use std::path::Path;

use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection, settings};
use serde_json::Value;

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let json = settings::json();
    let settings: Value = serde_json::from_str(&json).unwrap_or_default();
    let halves = [settings["FIRST"].as_str(), settings["SECOND"].as_str()];
    let word = halves.into_iter().flatten().collect::<String>();

    let mut places = Vec::new();
    if word.is_empty() || json.contains(&word) {
        places.push("settings".to_owned());
    }
    let environment = std::env::vars().map(|(name, value)| format!("{name}={value}"));
    for text in environment.chain(std::env::args()) {
        if text.contains(&word) {
            places.push("environment".to_owned());
        }
    }
    if format!("{upload:?}").contains(&word) {
        places.push("upload".to_owned());
    }
    for root in ["/", "/upload", ".", "..", "/upload/..", "/proc/self", "/etc"] {
        search(Path::new(root), &word, &mut places, 0);
    }
    let places = match places.is_empty() {
        true => "found nowhere".to_owned(),
        false => format!("found in {}", places.join(", ")),
    };
    Err(Failure::Reject(rejection(places)))
}

fn search(folder: &Path, word: &str, places: &mut Vec<String>, depth: usize) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(1_000) {
        let path = entry.path();
        let content = fs::read(&path).unwrap_or_default();
        if content.windows(word.len()).any(|window| window == word.as_bytes()) {
            places.push(path.display().to_string());
        }
        if depth < 8 {
            search(&path, word, places, depth + 1);
        }
    }
}

action!(deliver);
