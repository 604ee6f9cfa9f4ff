//! Makes in `deliver` header fields of 16 MiB.

use afterimage_test_guests::{Failure, Receipt, Upload, action, delivered, rejection};
use wasip2::http::types::Fields;

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let fields = Fields::new();
    for number in 0..16 << 10 {
        if let Err(error) = fields.append(&format!("x-{number}"), &[b'x'; 1 << 10]) {
            return Err(Failure::Reject(rejection(format!("after {number} fields: {error:?}"))));
        }
    }
    delivered(upload)
}

action!(deliver);
