//! Calls itself with so much on its own stack that this ends before the
//! engine's does.

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

#[inline(never)]
fn descend(depth: u32) -> u64 {
    let mut room = [depth; 16 << 10];
    std::hint::black_box(&mut room);
    if depth == u32::MAX { 0 } else { descend(depth + 1) + u64::from(room[0]) }
}

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    Ok(receipt(format!("{}", descend(upload.attempt))))
}

action!(deliver);
