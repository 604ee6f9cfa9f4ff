//! Writes to its recipient until it is stopped.

use afterimage_test_guests::bindings::afterimage::action::mail::{self, Message};
use afterimage_test_guests::{Failure, Receipt, Upload, action, receipt};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    for count in 0..10_000 {
        let message = Message {
            to: upload.recipients.clone(),
            cc: Vec::new(),
            only: Vec::new(),
            reply_to: None,
            subject: format!("Photo {count}"),
            text: "Photo".to_owned(),
            html: None,
            parts: Vec::new(),
        };
        if let Err(error) = mail::send(&message) {
            return Ok(receipt(format!("{count} messages, then {error:?}")));
        }
    }
    Ok(receipt("never stopped"))
}

action!(deliver);
