//! `cargo run -p afterimage-place --example strip PHOTO COPY`: writes of a photo
//! or a video what would leave.

#![allow(clippy::print_stderr, reason = "a program")]

use std::fs::File;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [from, to] = &arguments[..] else {
        eprintln!("strip PHOTO COPY");
        return ExitCode::from(2);
    };
    let stripped = (|| {
        let mut file = File::open(from)?;
        let pieces = afterimage_place::strip(&mut file)?;
        afterimage_place::write(&mut file, &pieces, &mut File::create(to)?)?;
        Ok::<_, afterimage_place::Refused>(())
    })();
    match stripped {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            eprintln!("{}: {refused}", from.display());
            ExitCode::FAILURE
        }
    }
}
