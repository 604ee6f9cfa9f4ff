//! The page for camera browsers (`protocol.md` 5.5): old WebKit, no script, no
//! modern CSS. It shows the User-Agent, so that owners can report it.

use hyper::Request;
use hyper::header::USER_AGENT;

use super::reply::Reply;

/// Longest User-Agent shown, in characters: the page must fit into a segment.
const LONGEST: usize = 400;

/// The page, for whoever asks.
pub(super) fn answer<B>(request: &Request<B>) -> Reply {
    let agents: Vec<_> = request
        .headers()
        .get_all(USER_AGENT)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let agent = escaped(&agents.join(" / "));
    let agent = if agent.is_empty() { "not given" } else { &agent };
    Reply::ok(format!(
        "<html><head><title>Afterimage</title></head><body><h1>Afterimage</h1>\
         <p>It works: this camera has reached Afterimage.</p>\
         <p>Go back and share or mail a photo.</p>\
         <p>Browser: {agent}</p></body></html>"
    ))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
        if escaped.len() > LONGEST {
            escaped.push_str("...");
            break;
        }
    }
    escaped
}
