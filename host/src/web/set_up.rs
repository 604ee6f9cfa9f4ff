//! Names, lines to paste, and a test photo.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use clap::ValueEnum as _;
use hyper::StatusCode;
use maud::{Markup, html};

use super::Pages;
use super::asked::{Asked, NoPage};
use super::layout;
use super::reply::{self, Reply};
use crate::dns::{Format, NAMES, lookup};

/// Longest look at where the names lead.
const LOOK: Duration = Duration::from_secs(10);

/// Longest wait for the emulated camera.
const TEST: Duration = Duration::from_secs(60);

/// Bytes of the emulated camera's words that are shown.
const WORDS: usize = 4 << 10;

/// A grey square of eight pixels as baseline JPEG: a table of ones, two codes
/// of one bit, one block.
fn square() -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    jpeg.extend([1; 64]);
    jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        jpeg.extend([0xff, 0xc4, 0, 20, class, 1]);
        jpeg.extend([0; 16]);
    }
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x3f, 0xff, 0xd9]);
    jpeg
}

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Result<Reply, NoPage> {
    shown(pages, asked, None).await
}

async fn shown(pages: &Pages, asked: &Asked, test: Option<Markup>) -> Result<Reply, NoPage> {
    let looked = tokio::time::timeout(LOOK, tokio::task::spawn_blocking(look)).await;
    let leads = looked.ok().and_then(Result::ok).unwrap_or_default();
    let here = lookup::own_address().unwrap_or(Ipv4Addr::LOCALHOST);
    let content = html! {
        section aria-labelledby="test" {
            h2 #test { "Test photo" }
            p { "An emulated camera sends a picture to this server and says what a camera's screen would say." }
            form method="post" action=(format!("{}set-up/test", asked.up)) { button { "Send a test photo" } }
            @if let Some(test) = test { (test) }
        }
        section aria-labelledby="names" {
            h2 #names { "Names" }
            p.quiet { "Each must lead cameras to this server, on port 80. As this machine's name server says:" }
            table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "leads to" } } }
                tbody {
                    @for (position, name) in NAMES.iter().enumerate() {
                        tr { td { code { (name) } } td { (leads.get(position).map_or("not known", String::as_str)) } }
                    }
                }
            }
        }
        section aria-labelledby="paste" {
            h2 #paste { "Lines to paste" }
            p.quiet { "For the address " code { (here) } "; another one by " code { "afterimage dns --address IP --format ..." } }
            @for format in Format::value_variants() {
                details {
                    summary { (name_of(*format)) }
                    pre tabindex="0" { (format.lines(here)) }
                }
            }
        }
        section aria-labelledby="cameras" {
            h2 #cameras { "Port" }
            p { "Cameras connect to " code { (pages.settings.cameras) } "." }
        }
    };
    Ok(reply::page(StatusCode::OK, layout::page(&asked.up, "Set-up", "set-up", &content)))
}

fn name_of(format: Format) -> String {
    format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Sends the test photo.
pub async fn test(pages: &Pages, asked: &Asked) -> Result<Reply, NoPage> {
    let outcome = send(pages.settings.cameras, &pages.settings.sender).await;
    let words = match outcome {
        Ok(words) => words,
        Err(error) => format!("the emulated camera could not be started: {error}"),
    };
    let shown_words = html! { pre role="status" tabindex="0" { (words) } };
    shown(pages, asked, Some(shown_words)).await
}

/// Runs the emulated camera as the process that a shell would start, against
/// the cameras' port.
async fn send(cameras: SocketAddr, sender: &str) -> std::io::Result<String> {
    let folder = std::env::temp_dir().join(format!("afterimage-test-{}", std::process::id()));
    tokio::fs::create_dir_all(&folder).await?;
    let photo = folder.join("TEST_0001.JPG");
    tokio::fs::write(&photo, square()).await?;
    let reached = match cameras.ip().is_unspecified() {
        true => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), cameras.port()),
        false => cameras,
    };
    let run = tokio::process::Command::new(std::env::current_exe()?)
        .args(["camera", "email", "--host", &reached.to_string(), "--from", sender])
        .arg(&photo)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TEST, run).await;
    let _ = tokio::fs::remove_dir_all(&folder).await;
    let output = output.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    let mut words = String::from_utf8_lossy(&output.stdout).into_owned();
    words += &String::from_utf8_lossy(&output.stderr);
    words.truncate(words.floor_char_boundary(WORDS));
    Ok(words)
}

/// Where the names lead, in their order.
fn look() -> Vec<String> {
    let server = match lookup::resolver() {
        Ok(server) => server,
        Err(error) => return vec![format!("not known: {error}"); NAMES.len()],
    };
    let mut leads = Vec::new();
    for name in NAMES {
        match lookup::addresses(server, name) {
            Ok(found) if found.is_empty() => leads.push("nowhere".to_owned()),
            Ok(found) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                leads.push(found.join(", "));
            }
            Err(error @ lookup::LookupError::Silent(_)) => {
                return vec![format!("not known: {error}"); NAMES.len()];
            }
            Err(error) => leads.push(error.to_string()),
        }
    }
    leads
}
