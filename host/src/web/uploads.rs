//! One delivery: its pictures, its text, its fate.

use hyper::StatusCode;
use maud::{Markup, html};

use super::asked::{Asked, NoPage};
use super::layout::{self, moment, size};
use super::reply::{self, Reply};
use super::{Pages, send, thumbnail};
use crate::spool::{Entry, QueueError, State};

/// What an upload is called in a list.
pub fn title(entry: &Entry) -> String {
    let words = [&entry.body, &entry.subject].into_iter().find(|text| !text.trim().is_empty());
    let words = words.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut title = words.unwrap_or_else(|| match entry.files.first() {
        Some(file) => file.name.clone(),
        None => "Upload".to_owned(),
    });
    if let Some((end, _)) = title.char_indices().nth(80) {
        title.truncate(end);
        title.push('…');
    }
    title
}

/// A frame of the contact sheet.
pub fn frame(up: &str, entry: &Entry) -> Markup {
    let place = format!("{up}uploads/{}", entry.number);
    html! {
        li data-state=(entry.state) {
            a href=(place) {
                @if entry.has_files && !entry.files.is_empty() {
                    img src=(format!("{place}/thumbs/0")) alt="" loading="lazy" width="160" height="120";
                } @else {
                    span.blank aria-hidden="true" { (entry.files.len()) }
                }
                span.caption { (title(entry)) }
            }
            span.quiet { (entry.action) " · " (moment(&entry.received)) }
        }
    }
}

/// The page of the delivery `number`.
pub async fn page(pages: &Pages, asked: &Asked, number: &str) -> Result<Reply, NoPage> {
    let entry = show(pages, number).await?;
    let place = format!("{}uploads/{}", asked.up, entry.number);
    let content = html! {
        ol.sheet.large {
            @for (index, file) in entry.files.iter().enumerate() {
                li {
                    @if entry.has_files {
                        a href=(format!("{place}/files/{index}")) {
                            img src=(format!("{place}/thumbs/{index}")) alt=(file.name) loading="lazy" width="320" height="240";
                            span.caption { (file.name) }
                        }
                    } @else { span.blank { (file.name) } }
                    span.quiet { (size(file.size)) }
                }
            }
        }
        @if !entry.has_files { p.quiet { "The files were removed after delivery." } }
        @if !entry.body.is_empty() { blockquote { (entry.body) } }
        dl {
            dt { "State" } dd data-state=(entry.state) { span.state { (entry.state) } }
            dt { "Action" } dd { (entry.action) @if entry.paused { " (paused)" } }
            @if let Some(reason) = &entry.reason { dt { "Reason" } dd { (reason) } }
            @if let Some(receipt) = &entry.receipt { dt { "Receipt" } dd { (receipt) } }
            @for link in entry.links.iter().filter(|link| is_web(link)) {
                dt { "Link" } dd { a href=(link) rel="noreferrer noopener" { (link) } }
            }
            dt { "Attempts" } dd { (entry.attempt) }
            @if let Some(next) = &entry.next_attempt { dt { "Next attempt" } dd { (moment(next)) } }
            dt { "Received" } dd { (moment(&entry.received)) }
            @if let Some(ended) = &entry.ended { dt { "Ended" } dd { (moment(ended)) } }
            dt { "From" } dd { (entry.sender) " through " (entry.origin) }
            @if !entry.recipients.is_empty() { dt { "To" } dd { (entry.recipients.join(", ")) } }
            @if !entry.subject.is_empty() { dt { "Subject" } dd { (entry.subject) } }
            dt { "Delivery" } dd { code { (entry.id) } }
        }
        @if entry.state != State::Delivered {
            p.actions {
                (layout::button(&format!("{place}/retry"), "Try now"))
                details {
                    summary { "Give up" }
                    p { "The files of this upload are removed with its last delivery." }
                    (layout::button(&format!("{place}/drop"), "Give this delivery up"))
                }
            }
        }
    };
    let page = layout::page(&asked.up, &title(&entry), "uploads", &content);
    Ok(reply::page(StatusCode::OK, page))
}

/// A link that a browser may follow; what an action wrote may be anything.
fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// The bytes of a file, or its small picture.
pub async fn file(
    pages: &Pages,
    asked: &Asked,
    number: &str,
    small: bool,
    index: &str,
) -> Result<Reply, NoPage> {
    let index: usize = index.parse().map_err(|_| NoPage::NotFound)?;
    let opened = pages.queue.file(number, index).await;
    let (name, file) = match opened {
        Err(QueueError::Unknown(_) | QueueError::NoFiles(_)) => return Err(NoPage::NotFound),
        opened => opened?,
    };
    match small {
        true => Ok(thumbnail::of(name, file).await),
        false => Ok(send::file(&name, file, asked.range.as_deref(), false)?),
    }
}

/// Tries a delivery now.
pub async fn retry(pages: &Pages, number: &str) -> Result<Reply, NoPage> {
    pages.queue.retry(number).await?;
    Ok(reply::see_other(&format!("../{number}")))
}

/// Gives a delivery up.
pub async fn give_up(pages: &Pages, number: &str) -> Result<Reply, NoPage> {
    pages.queue.give_up(number).await?;
    Ok(reply::see_other("../../"))
}

async fn show(pages: &Pages, number: &str) -> Result<Entry, NoPage> {
    match pages.queue.show(number).await {
        Err(QueueError::Unknown(_)) => Err(NoPage::NotFound),
        shown => Ok(shown?),
    }
}
