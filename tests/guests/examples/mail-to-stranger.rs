//! Writes to somebody that the upload does not name, openly and as a copy.

use afterimage_test_guests::bindings::afterimage::action::mail::{self, Message};
use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let stranger = || vec!["stranger@example.org".to_owned()];
    let message = |to, cc| Message {
        to,
        cc,
        only: Vec::new(),
        reply_to: None,
        subject: "Buy now".to_owned(),
        text: "Cheap".to_owned(),
        html: None,
        parts: Vec::new(),
    };
    let openly = mail::send(&message(stranger(), Vec::new()));
    let copied = mail::send(&message(upload.recipients, stranger()));
    Ok(receipt(format!("openly {openly:?}, copied {copied:?}")))
}

action!(deliver);
