//! Answers with a receipt that no log or page wants to have as it is.

use afterimage_test_guests::bindings::afterimage::action::uploads::RetryAdvice;
use afterimage_test_guests::{Failure, Receipt, Upload, action};

const FORGED: &str = "sent\r\nERROR forged: line\0 \u{202e}txt.exe\u{2066} \u{85}\u{2028}\u{1b}[2J";

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    if upload.body.contains("retry") {
        let reason = format!("{FORGED}{}", "x".repeat(1 << 20));
        return Err(Failure::Retry(RetryAdvice { after_seconds: None, reason }));
    }
    let mut links = vec![
        "javascript:alert(1)".to_owned(),
        "https://example.org/a\nb".to_owned(),
        format!("https://example.org/{}", "long".repeat(10_000)),
    ];
    links.extend((0..20_000).map(|n| format!("https://example.org/{n}")));
    Ok(Receipt { summary: format!("{FORGED}{}", "x".repeat(1 << 20)), links })
}

action!(deliver);
