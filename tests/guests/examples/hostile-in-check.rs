//! Does in `check` what the text says.

use afterimage_test_guests::log::{self, Level};
use afterimage_test_guests::{Failure, Receipt, Rejection, Upload, action};

fn check(draft: Upload) -> Result<u32, Rejection> {
    match draft.body.as_str() {
        "exit" => std::process::exit(0),
        "huge string" => log::write(Level::Info, &"x".repeat(4 << 20), &[]),
        "grow memory" => drop(std::hint::black_box(vec![1_u8; 300 << 20])),
        "recursion" => drop(std::hint::black_box(deeper(1))),
        other => panic!("{other}"),
    }
    Ok(1)
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(depth + 1)) + depth
}

fn deliver(_upload: Upload) -> Result<Receipt, Failure> {
    panic!("check has refused it")
}

action!(check, deliver);
