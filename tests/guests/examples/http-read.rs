//! Reads the answer of the address in its settings to the end, if it has one.

mod http;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    match http::get(url, &[]).map(http::length) {
        Ok((length, end)) => Ok(receipt(format!("read {length} bytes, then {end}"))),
        Err(error) => Err(Failure::Reject(rejection(error))),
    }
}

action!(deliver);
