//! Asks in `deliver` for a gibibyte of randomness at once.

use afterimage_test_guests::{Failure, Receipt, Upload, action, delivered};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    std::hint::black_box(wasip2::random::random::get_random_bytes(1 << 30));
    delivered(upload)
}

action!(deliver);
