//! Cameras that have sent, as far as the uploads that are kept tell.

use std::collections::BTreeMap;

use hyper::StatusCode;
use maud::html;

use super::Pages;
use super::asked::{Asked, NoPage};
use super::layout::{self, moment};
use super::reply::{self, Reply};

/// Who sent, when last, and how often.
#[derive(Default)]
struct Sender {
    last: String,
    uploads: usize,
    files: usize,
}

/// The cameras by the address that is set on them.
pub async fn page(pages: &Pages, asked: &Asked) -> Result<Reply, NoPage> {
    let entries = pages.queue.list(true).await?;
    let mut senders: BTreeMap<(String, String), Sender> = BTreeMap::new();
    for entry in &entries {
        let key = (entry.sender.clone(), entry.camera.clone().unwrap_or_default());
        let sender = senders.entry(key).or_default();
        sender.uploads += 1;
        sender.files += entry.files.len();
        sender.last = sender.last.clone().max(entry.received.clone());
    }
    let content = html! {
        @if senders.is_empty() { p.quiet { "No camera has sent anything that is still known." } }
        ul.rows {
            @for ((sender, camera), seen) in &senders {
                li {
                    strong { (sender) }
                    @if !camera.is_empty() { span { (camera) } }
                    span.quiet { (seen.uploads) " deliveries, " (seen.files) " files, last " (moment(&seen.last)) }
                }
            }
        }
        p.quiet { "What a camera asks for that nobody has seen before stands in the log, with its whole request." }
    };
    Ok(reply::page(StatusCode::OK, layout::page(&asked.up, "Cameras", "cameras", &content)))
}
