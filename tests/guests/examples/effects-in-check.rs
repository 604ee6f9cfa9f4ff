//! Tries to act while the camera still waits, and refuses with what it heard.

mod http;

use afterimage_test_guests::bindings::afterimage::action::mail::{self, Message};
use afterimage_test_guests::bindings::afterimage::action::process;
use afterimage_test_guests::{Rejection, Upload, action, delivered, log, rejection, store};

fn check(draft: Upload) -> Result<u32, Rejection> {
    let message = Message {
        to: draft.recipients,
        cc: Vec::new(),
        only: Vec::new(),
        reply_to: None,
        subject: "Too early".to_owned(),
        text: String::new(),
        html: None,
        parts: Vec::new(),
    };
    let mailed = mail::send(&message);
    let stored = store::put(0, "too-early.jpg");
    let run = process::run(None, &[]);
    let asked = http::get("http://127.0.0.1:1/", &[]).map(|response| response.status());
    let heard = format!("mail {mailed:?} store {stored:?} process {run:?} http {asked:?}");
    log::write(log::Level::Info, &heard, &[]);
    Err(rejection("too early"))
}

action!(check, delivered);
