//! Looks everywhere it can reach for a word and tells the places where it is:
//! settings, environment, the upload, files, what the host answers when it
//! refuses, its own memory. It gets the word in two halves and never puts them
//! together, so as not to find its own copy.
#![allow(unsafe_code, reason = "to read all of the memory is the point")]

mod http;

use std::fs;
use std::path::Path;

use afterimage_test_guests::bindings::afterimage::action::mail::{self, Message};
use afterimage_test_guests::bindings::afterimage::action::process;
use afterimage_test_guests::{Failure, Receipt, Upload, action, rejection, settings, store};
use serde_json::Value;

struct Word {
    first: String,
    second: String,
}

impl Word {
    fn is_in(&self, bytes: impl AsRef<[u8]>) -> bool {
        let (first, second) = (self.first.as_bytes(), self.second.as_bytes());
        let mut rest = bytes.as_ref();
        while let Some(at) = rest.iter().position(|byte| Some(byte) == first.first()) {
            rest = &rest[at..];
            if rest.strip_prefix(first).is_some_and(|after| after.starts_with(second)) {
                return true;
            }
            rest = &rest[1..];
        }
        false
    }
}

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let json = settings::json();
    let settings: Value = serde_json::from_str(&json).unwrap_or_default();
    let half = |key: &str| settings[key].as_str().unwrap_or("?").to_owned();
    let word = Word { first: half("FIRST"), second: half("SECOND") };

    let mut places = Vec::new();
    let mut look = |place: &str, text: &str| {
        if word.is_in(text) {
            places.push(place.to_owned());
        }
    };
    look("settings", &json);
    let environment = std::env::vars().map(|(name, value)| format!("{name}={value}"));
    for text in environment.chain(std::env::args()) {
        look("environment", &text);
    }
    look("upload", &format!("{upload:?}"));
    let message = Message {
        to: upload.recipients.clone(),
        cc: Vec::new(),
        only: Vec::new(),
        reply_to: None,
        subject: "Hello".to_owned(),
        text: "Hello".to_owned(),
        html: None,
        parts: Vec::new(),
    };
    look("mail", &format!("{:?}", mail::send(&message)));
    look("store", &format!("{:?} {:?}", store::put(0, "../x"), store::put(9, "x")));
    look("process", &format!("{:?}", process::run(None, &[])));
    let url = settings["URL"].as_str().unwrap_or_default();
    let answer = http::get(url, &[]).map(|response| response.headers().entries());
    look("http", &format!("{answer:?}"));
    for root in ["/", "/upload", ".", "..", "/upload/..", "/proc/self", "/etc"] {
        search(Path::new(root), &word, &mut places, 0);
    }
    #[cfg(target_family = "wasm")]
    if word.is_in(memory()) {
        places.push("memory".to_owned());
    }
    let places = match places.is_empty() {
        true => "found nowhere".to_owned(),
        false => format!("found in {}", places.join(", ")),
    };
    Err(Failure::Reject(rejection(places)))
}

/// All bytes of this instance's memory but the first, which has no address.
#[cfg(target_family = "wasm")]
fn memory() -> &'static [u8] {
    let length = core::arch::wasm32::memory_size(0) * (64 << 10);
    // Nothing of it is ever unmapped, and nothing else runs meanwhile.
    unsafe { std::slice::from_raw_parts(std::ptr::without_provenance(1), length - 1) }
}

fn search(folder: &Path, word: &Word, places: &mut Vec<String>, depth: usize) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(1_000) {
        let path = entry.path();
        if word.is_in(fs::read(&path).unwrap_or_default()) {
            places.push(path.display().to_string());
        }
        if depth < 8 {
            search(&path, word, places, depth + 1);
        }
    }
}

action!(deliver);
