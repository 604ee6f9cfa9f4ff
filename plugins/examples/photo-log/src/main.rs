//! An example of a command for the action `shell`: prints one line about a
//! photo. An ordinary program; built for wasm32-wasip2 it runs in the sandbox.
//!
//! ```toml
//! [SHELL.log]
//! CMD = ["./photo-log.wasm", "{filename}", "{sender}"]
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks by printing")]

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, sender] = arguments.as_slice() else {
        eprintln!("usage: photo-log FILE SENDER");
        return ExitCode::FAILURE;
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    match dimensions(path) {
        Ok((width, height)) => {
            println!("{name} of {sender}: {width} x {height}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Width and height of a JPEG, from its frame header (ITU-T T.81, B.2.2).
fn dimensions(path: &str) -> io::Result<(u16, u16)> {
    let no_jpeg = || io::Error::new(io::ErrorKind::InvalidData, "this is no JPEG");
    let mut file = BufReader::new(File::open(path)?);
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    if start != [0xff, 0xd8] {
        return Err(no_jpeg());
    }
    loop {
        let mut segment = [0; 4];
        file.read_exact(&mut segment)?;
        let [0xff, marker, high, low] = segment else { return Err(no_jpeg()) };
        let length = u64::from(u16::from_be_bytes([high, low]));
        // C4, C8 and CC are tables and an extension, no frames.
        if (0xc0..=0xcf).contains(&marker) && ![0xc4, 0xc8, 0xcc].contains(&marker) {
            let mut frame = [0; 5];
            file.read_exact(&mut frame)?;
            let [_, h1, h2, w1, w2] = frame;
            return Ok((u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2])));
        }
        let rest = length.checked_sub(2).ok_or_else(no_jpeg)?;
        io::copy(&mut (&mut file).take(rest), &mut io::sink())?;
    }
}
