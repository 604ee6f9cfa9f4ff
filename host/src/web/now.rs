//! What waits and why, and what came last.

use hyper::StatusCode;
use maud::{Markup, html};

use super::asked::{Asked, NoPage};
use super::layout::{self, moment};
use super::reply::{self, Reply};
use super::{Pages, uploads};
use crate::spool::{Entry, PausedAction};

/// Deliveries shown.
const SHOWN: usize = 60;

/// The first page.
pub async fn page(pages: &Pages, asked: &Asked) -> Result<Reply, NoPage> {
    let waiting = pages.queue.list(false).await?;
    let delivered = pages.queue.delivered(SHOWN).await?;
    let paused = pages.queue.paused().await?;
    let content = html! {
        div data-live="now" {
            @for action in &paused { (pause(action)) }
            section aria-labelledby="waits" {
                h2 #waits { "Waiting" span.count { (waiting.len()) } }
                @if waiting.is_empty() { p.quiet { "Everything is delivered." } }
                ul.rows {
                    @for entry in waiting.iter().take(SHOWN) { (row(&asked.up, entry)) }
                }
                @if waiting.len() > SHOWN {
                    p.quiet { "and " (waiting.len() - SHOWN) " more: " code { "afterimage queue list" } }
                }
            }
            section aria-labelledby="came" {
                h2 #came { "Delivered last" }
                ol.sheet {
                    @for entry in &delivered { (uploads::frame(&asked.up, entry)) }
                }
                @if delivered.is_empty() && waiting.is_empty() {
                    p.quiet { "No photo has come yet. " a href=(format!("{}set-up", asked.up)) { "Set a camera up" } "." }
                }
            }
        }
    };
    Ok(reply::page(StatusCode::OK, layout::page(&asked.up, "Now", "", &content)))
}

fn pause(action: &PausedAction) -> Markup {
    html! {
        p.bad role="status" {
            strong { (action.action) } " is paused since " (moment(&action.since)) ": "
            (action.reason) " The next try is " (moment(&action.next_probe)) "."
        }
    }
}

fn row(up: &str, entry: &Entry) -> Markup {
    let place = format!("{up}uploads/{}", entry.number);
    html! {
        li data-state=(entry.state) {
            a.title href=(place) {
                (uploads::title(entry)) span.quiet { " to " (entry.action) }
            }
            span.state { (entry.state) }
            @if let Some(next) = &entry.next_attempt {
                span.quiet { "attempt " (entry.attempt + 1) " " (moment(next)) }
            }
            @if let Some(reason) = &entry.reason { p.reason { (reason) } }
            (layout::button(&format!("{place}/retry"), "Try now"))
        }
    }
}
