//! The check for a captive portal (`protocol.md` 5, A01-A06).

use crate::emulator::model::{Model, Target};

/// The request of `model`.
pub fn request(model: Model) -> String {
    let host = model.checked_host();
    match model.hotspot() {
        (Target::Absolute, version) => format!("GET http://{host}/ {version}\r\n\r\n"),
        (Target::Path, version) => format!("GET / {version}\r\nHost: {host}\r\n\r\n"),
    }
}
