//! Puts a line break and a header into every text that becomes one.

use afterimage_test_guests::bindings::afterimage::action::mail::{
    self, InlinePart, MailError, Message, Part,
};
use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

const EVIL: &str = "x\r\nBcc: stranger@example.org";

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let message = || Message {
        to: upload.recipients.clone(),
        cc: Vec::new(),
        only: Vec::new(),
        reply_to: None,
        subject: "Photo".to_owned(),
        text: "Photo".to_owned(),
        html: None,
        parts: Vec::new(),
    };
    let part = |name: &str, content_type: &str| {
        vec![Part::Inline(InlinePart {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            data: b"data".to_vec(),
        })]
    };
    let attempts = [
        ("subject", Message { subject: EVIL.to_owned(), ..message() }),
        ("reply-to", Message { reply_to: Some(format!("a@example.org{EVIL}")), ..message() }),
        ("name", Message { parts: part(EVIL, "text/plain"), ..message() }),
        ("type", Message { parts: part("a.txt", &format!("text/{EVIL}")), ..message() }),
    ];
    let results = attempts.map(|(what, message)| match mail::send(&message) {
        Err(MailError::Invalid(text)) => format!("{what} invalid: {text}"),
        other => format!("{what} {other:?}"),
    });
    Ok(receipt(results.join("; ")))
}

action!(deliver);
