//! `webhook`: uploads the files of an upload to a server of yours, and then
//! tells it of the upload as a whole, in JSON that the host has signed.
//!
//! ```toml
//! [ACTIONS]
//! "hook@example.org" = "webhook"
//!
//! [WEBHOOK]
//! EVENT_URL = "https://home.example.org/camera"       # gets the JSON
//! FILES_URL = "https://home.example.org/camera/files" # gets the files, if set
//!
//! [PLUGINS.webhook]
//! COMPONENT = "webhook.wasm"
//! SHA256 = "..."
//! ALLOW = { HTTP = ["https://home.example.org"] }
//! SECRETS = [
//!     { ORIGIN = "https://home.example.org", HEADER = "X-Hub-Signature-256", SIGN = "a key" },
//!     { ORIGIN = "https://home.example.org", HEADER = "Authorization", VALUE = "Bearer a token" },
//! ]
//! ```
//!
//! `X-Hub-Signature-256` is `sha256=` and the HMAC-SHA256 of the JSON, as
//! GitHub's webhooks have it, so what checks those checks this. The files are
//! named in the JSON by their SHA-256, so they are signed with it.

use afterimage_sdk::http::{Method, Multipart, Request};
use afterimage_sdk::{
    Action, Failure, Origin, Receipt, Rejection, RejectionReason, Upload, export, progress,
    rejection, retry, settings,
};
use serde::{Deserialize, Serialize};

/// The action.
pub struct Webhook;

export!(Webhook);

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Settings {
    event_url: String,
    files_url: Option<String>,
}

/// What the server is told.
#[derive(Serialize)]
struct Event<'a> {
    id: &'a str,
    origin: &'a str,
    service: Option<&'a str>,
    sender: &'a str,
    recipients: &'a [String],
    subject: &'a str,
    text: &'a str,
    camera: Option<&'a str>,
    received_at: &'a str,
    files: Vec<EventFile<'a>>,
}

#[derive(Serialize)]
struct EventFile<'a> {
    name: &'a str,
    content_type: &'a str,
    size: u64,
    sha256: &'a str,
}

impl Action for Webhook {
    fn check(_draft: Upload) -> Result<u32, Rejection> {
        // The camera hears of wrong settings now, rather than nobody later.
        let Settings { event_url, files_url } = settings()?;
        for url in [Some(event_url), files_url].into_iter().flatten() {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(rejection(RejectionReason::Other, format!("{url} is no URL")));
            }
        }
        Ok(1)
    }

    fn deliver(upload: Upload) -> Result<Receipt, Failure> {
        let Settings { event_url, files_url } = settings()?;
        if let Some(url) = files_url {
            upload_files(&url, &upload)?;
        }
        let files = upload.files.iter().map(|file| EventFile {
            name: &file.name,
            content_type: &file.content_type,
            size: file.size,
            sha256: &file.sha256,
        });
        let event = Event {
            id: &upload.id,
            origin: match upload.origin {
                Origin::Email => "email",
                Origin::Social => "social",
            },
            service: upload.service.as_deref(),
            sender: &upload.sender,
            recipients: &upload.recipients,
            subject: &upload.subject,
            text: &upload.body,
            camera: upload.camera.as_deref(),
            received_at: &upload.received_at,
            files: files.collect(),
        };
        let answer = Request::new(Method::Post, event_url)
            .header("idempotency-key", &upload.id)
            // The host writes the signature here, if it has a key.
            .header("x-hub-signature-256", "")
            .json(&event)
            .send()?
            .success()?;
        let links = answer.header("location").map(str::to_owned).into_iter().collect();
        let summary =
            format!("told the webhook of {} files ({})", upload.files.len(), answer.status);
        Ok(Receipt { summary, links })
    }
}

/// Uploads the files that no earlier attempt has.
fn upload_files(url: &str, upload: &Upload) -> Result<(), Failure> {
    let notes = progress::load().and_then(|notes| String::from_utf8(notes).ok());
    let done: usize = notes.and_then(|notes| notes.parse().ok()).unwrap_or_default();
    for (number, file) in upload.files.iter().enumerate().skip(done) {
        let form = Multipart::new(format!("afterimage-{}-{number}", upload.id))
            .text("delivery", &upload.id)
            .text("sha256", &file.sha256)
            .file("file", file);
        let key = format!("{}-{number}", upload.id);
        Request::new(Method::Post, url)
            .header("idempotency-key", key)
            .multipart(form)
            .send()?
            .success()?;
        progress::save((number + 1).to_string().as_bytes()).map_err(retry)?;
    }
    Ok(())
}
