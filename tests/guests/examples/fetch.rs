//! Asks for the address in its settings, with a token of its own making, and
//! tells what came of it. With a body in its settings, that is posted; with
//! READ, the beginning of the answer's body is told as well.

mod http;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, rejection, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    fetch(url, settings["BODY"].as_str(), settings["READ"] == true)
        .map(receipt)
        .map_err(|error| Failure::Reject(rejection(error)))
}

fn fetch(url: &str, body: Option<&str>, read: bool) -> Result<String, String> {
    let response = http::send(url, &[("authorization", "Bearer mine")], body)?;
    let mut told = format!("status {}", response.status());
    if read {
        let wrong = |()| "no body".to_owned();
        let kind = response.headers().get("x-kind").concat();
        let body = response.consume().map_err(wrong)?;
        let stream = body.stream().map_err(wrong)?;
        let text = stream.blocking_read(1 << 10).map_err(|error| error.to_string())?;
        told.push_str(&format!(" {}", String::from_utf8_lossy(&[kind, text].concat())));
    }
    Ok(told)
}

action!(deliver);
