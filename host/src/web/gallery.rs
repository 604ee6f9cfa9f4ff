//! The stored pictures, folder by folder.

use hyper::StatusCode;
use hyper::header::CONTENT_DISPOSITION;
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::asked::{Asked, NoPage};
use super::folder::{self, Entry};
use super::layout::{self, moment, size};
use super::reply::{self, Reply};
use super::{Pages, archive, send, thumbnail};

/// Pictures on one page; a script fetches the next when it is scrolled to.
const SHOWN: usize = 120;

/// What stands in a part of an address as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn owned(place: &[&str]) -> Vec<String> {
    place.iter().map(|part| (*part).to_owned()).collect()
}

fn address(place: &[String]) -> String {
    place.iter().map(|part| utf8_percent_encode(part, PART).to_string() + "/").collect()
}

/// The folder at `place`.
pub async fn page(pages: &Pages, asked: &Asked, place: &[&str]) -> Result<Reply, NoPage> {
    let (root, place) = (pages.settings.uploads.clone(), owned(place));
    let parts = place.clone();
    let entries = tokio::task::spawn_blocking(move || folder::list(&root, &parts)).await?;
    // Whatever the reason, it is not to be had, and says nothing of what is.
    let entries = entries.map_err(|_| NoPage::NotFound)?;
    let from: usize = asked.value("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let (folders, files): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.is_folder);
    let here = address(&place);
    let next = from.saturating_add(SHOWN);
    let title = place.last().cloned().unwrap_or_else(|| "Gallery".to_owned());
    let content = html! {
        @if !place.is_empty() { (way(&asked.up, &place)) }
        @if from == 0 && !folders.is_empty() {
            ul.folders {
                @for entry in &folders {
                    li { a href=(format!("{}gallery/{here}{}/", asked.up, utf8_percent_encode(&entry.name, PART))) { (entry.name) } }
                }
            }
        }
        @if !files.is_empty() {
            p.actions {
                span.quiet { (files.len()) " files, " (size(files.iter().map(|file| file.size).sum())) }
                a.button href=(format!("{}zip/{here}", asked.up)) { "All as zip" }
            }
        } @else if folders.is_empty() {
            p.quiet { "Nothing is stored here yet." }
        }
        ol.sheet data-more {
            @for file in files.iter().skip(from).take(SHOWN) { (frame(&asked.up, &here, file)) }
        }
        @if next < files.len() {
            p { a.button data-next href=(format!("{}gallery/{here}?from={next}", asked.up)) { "More" } }
        }
    };
    Ok(reply::page(StatusCode::OK, layout::page(&asked.up, &title, "gallery/", &content)))
}

/// The folders above, up to the first.
fn way(up: &str, place: &[String]) -> Markup {
    html! {
        nav.way aria-label="Folders above" {
            a href=(format!("{up}gallery/")) { "Gallery" }
            @for depth in 1..place.len() {
                " / " a href=(format!("{up}gallery/{}", address(&place[..depth]))) { (place[depth - 1]) }
            }
        }
    }
}

fn frame(up: &str, here: &str, file: &Entry) -> Markup {
    let name = utf8_percent_encode(&file.name, PART);
    let media = send::shown_type(&file.name);
    let film = media.is_some_and(|media| media.starts_with("video/"));
    let written = humantime::format_rfc3339_seconds(file.modified).to_string();
    html! {
        li {
            a href=(format!("{up}files/{here}{name}")) data-show=[media.map(|_| if film { "film" } else { "photo" })] {
                img src=(format!("{up}thumbs/{here}{name}")) alt="" loading="lazy" width="160" height="120";
                span.caption { (file.name) }
            }
            span.quiet { (size(file.size)) " · " (moment(&written)) " · "
                a href=(format!("{up}files/{here}{name}?download")) { "Download" } }
        }
    }
}

/// The file at `place`.
pub async fn file(pages: &Pages, asked: &Asked, place: &[&str]) -> Result<Reply, NoPage> {
    let (name, file) = open(pages, place).await?;
    let download = asked.value("download").is_some();
    Ok(send::file(&name, file, asked.range.as_deref(), download)?)
}

/// The small picture of the file at `place`.
pub async fn thumb(pages: &Pages, place: &[&str]) -> Result<Reply, NoPage> {
    let (name, file) = open(pages, place).await?;
    Ok(thumbnail::of(name, file).await)
}

/// All files of the folder at `place`.
pub async fn zip(pages: &Pages, place: &[&str]) -> Result<Reply, NoPage> {
    let name = format!("{}.zip", place.last().unwrap_or(&"afterimage"));
    let body = archive::stream(pages.settings.uploads.clone(), owned(place));
    let mut answer = reply::made("application/zip", body);
    answer.headers_mut().insert(CONTENT_DISPOSITION, send::disposition("attachment", &name)?);
    Ok(answer)
}

async fn open(pages: &Pages, place: &[&str]) -> Result<(String, std::fs::File), NoPage> {
    let name = place.last().ok_or(NoPage::NotFound)?.to_string();
    let (root, parts) = (pages.settings.uploads.clone(), owned(place));
    let opened = tokio::task::spawn_blocking(move || folder::file(&root, &parts)).await?;
    // Whatever the reason, it is not to be had, and says nothing of what is.
    opened.map(|file| (name, file)).map_err(|_| NoPage::NotFound)
}
