//! Asks for the address in its settings, with a token of its own making, and
//! tells what came of it.

mod http;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    match http::get(url, &[("authorization", "Bearer mine")]) {
        Ok(response) => Ok(receipt(format!("status {}", response.status()))),
        Err(error) => Err(Failure::Reject(rejection(error))),
    }
}

action!(deliver);
