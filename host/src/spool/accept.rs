//! Uploads on their way in: the deliveries that one shall have, and what became
//! of it.

use std::time::Duration;

use crate::action_name::ActionName;
use crate::file_name;
use crate::upload::{File, Upload};

/// A delivery that an upload shall have.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its id, known to the action since `check`.
    pub id: String,
    /// What shall be done.
    pub action: ActionName,
    /// The recipients that map to the action.
    pub recipients: Vec<String>,
    /// Folders for what it stores, if its action has any.
    pub folders: Option<String>,
    /// What it waits for first.
    pub wait: Wait,
}

/// What a delivery waits for, and how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For the post's next file.
    File(Duration),
    /// For its first attempt.
    Attempt(Duration),
}

/// By what an upload is known that came already, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// By everything about it: a camera missed the answer.
    Upload(Duration),
    /// By sender and content, wherever it went: a camera sends its whole card
    /// again.
    Content(Duration),
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the spool.
    New,
    /// It is there already and on its way: the camera sends again because it
    /// missed the answer.
    Repeat,
}

/// A post that waits for more files.
#[derive(Debug, Clone)]
pub struct Post {
    /// What has come so far.
    pub upload: Upload,
    /// Id of its delivery.
    pub delivery: String,
}

/// `files` under names that are free beside those of `taken`.
pub fn beside(taken: &[File], files: &[File]) -> Vec<File> {
    let mut all = taken.to_vec();
    for file in files {
        let is_free = |name: &str| all.iter().all(|known| !known.name.eq_ignore_ascii_case(name));
        let mut name = file.name.clone();
        let mut number = 2;
        while !is_free(&name) {
            name = file_name::numbered(&file.name, number);
            number += 1;
        }
        all.push(File { name, ..file.clone() });
    }
    all.split_off(taken.len())
}
