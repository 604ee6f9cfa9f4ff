//! Says in a header of its own that it means another host, and tells whether
//! it could.

mod http;

use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt, settings};
use serde_json::Value;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let url = settings["URL"].as_str().unwrap_or_default();
    let headers = ["host", "proxy-authorization", "connection", "transfer-encoding", "upgrade"];
    let results = headers.map(|name| {
        let answer = http::get(url, &[(name, "other.example.org")]);
        format!("{name}: {:?}", answer.map(|response| response.status()))
    });
    Ok(receipt(results.join("; ")))
}

action!(deliver);
