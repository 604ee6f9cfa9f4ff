//! What leaves, judged by the programs of others (`tests/peers/setup
//! location` installs them): exiftool, Pillow and ffmpeg, each of which reads more than
//! this crate does.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use afterimage_place::{Refused, strip, write};
use tempfile::TempDir;

/// What the files in `tests/data/location` say of their place.
const MARKS: [&str; 6] = ["48.8577", "2.2945", "2013:07:14", "PARISTEXT", "AREAMARK", "WGS-84"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of `tests/data/location` by the first letter of their names.
fn files(letter: char) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(root().join("tests/data/location"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.starts_with(letter))
        .collect();
    files.sort();
    files
}

/// exiftool, and the Python that has Pillow and ffmpeg.
fn judges() -> Option<(PathBuf, PathBuf)> {
    let folder = root().join("target/peers/location");
    let programs = (folder.join("usr/bin/exiftool"), folder.join("bin/python"));
    if programs.0.exists() && programs.1.exists() {
        return Some(programs);
    }
    let reason = "exiftool, Pillow and ffmpeg are not installed";
    assert!(std::env::var_os("CI").is_none(), "{reason}; `tests/peers/setup location` does it");
    eprintln!("skipped: {reason}; `tests/peers/setup location` does it");
    None
}

/// A folder with files before and after; how many were refused.
struct Bench {
    folder: TempDir,
    refused: Vec<String>,
}

impl Bench {
    fn new(files: &[(String, Vec<u8>)]) -> Self {
        let folder = TempDir::new().unwrap();
        let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
        fs::create_dir(&before).unwrap();
        fs::create_dir(&after).unwrap();
        let (mut refused, mut reasons) = (Vec::new(), Vec::new());
        for (name, bytes) in files {
            let path = before.join(name);
            fs::write(&path, bytes).unwrap();
            let mut file = File::open(&path).unwrap();
            match strip(&mut file) {
                Ok(pieces) => {
                    let mut out = File::create(after.join(name)).unwrap();
                    write(&mut file, &pieces, &mut out).unwrap();
                }
                Err(Refused::NotUnderstood(why)) => {
                    reasons.push(format!("{name}: {why}"));
                    refused.push(name.clone());
                }
                Err(Refused::Io(error)) => panic!("{name}: {error}"),
            }
        }
        eprintln!("{}", reasons.join("\n"));
        Self { folder, refused }
    }

    /// What the judges find.
    fn faults(&self, marks: &[&str]) -> String {
        let Some((exiftool, python)) = judges() else { return String::new() };
        let output = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge.py"))
            .args([exiftool, self.folder.path().join("before"), self.folder.path().join("after")])
            .args(marks)
            .output()
            .unwrap();
        let [said, error] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        if output.status.success() {
            return String::new();
        }
        let kept = std::env::temp_dir().join("afterimage-place-faults");
        let _ = fs::remove_dir_all(&kept);
        let _ = Command::new("cp").arg("-a").arg(self.folder.path()).arg(&kept).status();
        format!("{said}{error}; the files are in {}\n", kept.display())
    }
}

#[test]
fn no_judge_finds_a_place_in_pictures_that_told_one_in_every_known_way() {
    let bench = Bench::new(&files('j'));
    assert_eq!(bench.refused, [""; 0]);
    assert_eq!(bench.faults(&MARKS), "");
}

#[test]
fn no_judge_finds_a_place_in_videos_that_told_one() {
    let bench = Bench::new(&files('m'));
    assert_eq!(bench.refused, ["m10-cmov.mov"]);
    assert_eq!(bench.faults(&MARKS), "");
}

#[test]
fn other_kinds_of_pictures_are_refused_whatever_they_are_called() {
    let files = files('k');
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(Bench::new(&files).refused, names);
    assert!(names.len() >= 5);
}

#[test]
fn no_judge_finds_a_place_in_damaged_files() {
    assert_eq!(mutated('j', ".jpg", 300, 1), "");
    assert_eq!(mutated('m', ".mp4", 40, 2), "");
}

/// `cargo test -p afterimage-place --release -- --ignored`
#[test]
#[ignore = "takes half an hour"]
fn no_judge_finds_a_place_in_ten_thousand_damaged_files() {
    let mut faults = String::new();
    for seed in 0..20 {
        faults += &mutated('j', ".jpg", 500, 1000 + seed);
        faults += &mutated('m', ".mp4", 100, 2000 + seed);
    }
    assert_eq!(faults, "");
}

/// Judges `count` files that chance has damaged. Some of them must come
/// through, or nothing would be judged.
fn mutated(letter: char, extension: &str, count: usize, seed: u64) -> String {
    let originals: Vec<Vec<u8>> = files(letter).into_iter().map(|(_, bytes)| bytes).collect();
    let mut chance = Chance(seed);
    let files: Vec<(String, Vec<u8>)> = (0..count)
        .map(|number| {
            (format!("{seed}-{number}{extension}"), damaged(&originals, letter == 'm', &mut chance))
        })
        .collect();
    let bench = Bench::new(&files);
    eprintln!("seed {seed}: {} of {count} refused", bench.refused.len());
    assert!(bench.refused.len() < count * 9 / 10);
    bench.faults(&[])
}

/// Numbers by chance, the same for the same seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((number ^ (number >> 31)) % most.max(1) as u64).unwrap()
    }
}

/// One of `originals` with some bytes turned, written over, put in, taken out
/// or moved; mostly `in_place`, so that what follows stands where it stood.
/// Most changes hit the first and last parts, where the metadata are.
fn damaged(originals: &[Vec<u8>], in_place: bool, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = originals[chance.below(originals.len())].clone();
    for _ in 0..=chance.below(4) {
        let length = bytes.len();
        let reach = if chance.below(4) == 0 { length } else { length.min(700) };
        let at = match chance.below(2) {
            0 => chance.below(reach),
            _ => length - 1 - chance.below(reach),
        };
        let few = 1 + chance.below(8);
        let end = (at + few).min(length);
        let kinds = if in_place && chance.below(4) != 0 { 3 } else { 6 };
        match chance.below(kinds) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
            2 => bytes[at] = [0, 1, 0x7f, 0xff, 0xd8, 0xe1][chance.below(6)],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let other = &originals[chance.below(originals.len())];
                let from = chance.below(other.len());
                let piece = other[from..(from + few * 16).min(other.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                let piece = bytes[at..end].to_vec();
                let to = chance.below(length);
                drop(bytes.splice(to..to, piece));
            }
        }
        if bytes.len() < 16 {
            break;
        }
    }
    bytes
}
