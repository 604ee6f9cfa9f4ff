//! Saves its notes as often as its settings say, and computes almost nothing.

use afterimage_test_guests::{Failure, Receipt, Upload, action, bindings, receipt, settings};
use bindings::afterimage::action::progress;

fn deliver(_: Upload) -> Result<Receipt, Failure> {
    let settings: serde_json::Value = serde_json::from_str(&settings::json()).unwrap_or_default();
    let times = settings["TIMES"].as_u64().unwrap_or_default();
    for time in 0..times {
        let saved = progress::save(time.to_string().as_bytes());
        assert!(saved.is_ok(), "{saved:?}");
    }
    Ok(receipt(format!("saved {times} times")))
}

action!(deliver);
