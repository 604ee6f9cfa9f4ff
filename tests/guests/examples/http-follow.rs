//! Follows the redirect that it gets, wherever it leads.

mod http;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    follow(url).map(receipt).map_err(|error| Failure::Reject(rejection(error)))
}

fn follow(url: &str) -> Result<String, String> {
    let response = http::get(url, &[])?;
    let location = response.headers().get("location").pop().ok_or("no redirect")?;
    let location = String::from_utf8_lossy(&location).into_owned();
    let there = http::get(&location, &[]).map_err(|error| format!("not followed: {error}"))?;
    Ok(format!("followed to {location}: {}", there.status()))
}

action!(deliver);
