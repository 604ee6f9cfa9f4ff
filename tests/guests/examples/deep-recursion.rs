//! Recurses in `deliver` until some stack is spent.

use std::hint::black_box;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    Ok(receipt(depth_below(u64::MAX).to_string()))
}

/// The black boxes keep the optimiser from making a loop of it.
fn depth_below(limit: u64) -> u64 {
    if black_box(limit) == 0 { 0 } else { 1 + black_box(depth_below(limit - 1)) }
}

action!(deliver);
