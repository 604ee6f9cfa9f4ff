//! What is loaded, and what it may do.

use hyper::StatusCode;
use maud::html;

use super::Pages;
use super::asked::Asked;
use super::layout;
use super::reply::{self, Reply};

/// The actions.
pub fn page(pages: &Pages, asked: &Asked) -> Reply {
    let content = html! {
        ul.rows {
            @for action in (pages.actions)() {
                li {
                    strong { (action.name) }
                    span.quiet { "SHA-256 " code { (action.digest) } }
                    @if action.allows.is_empty() { span { "may do nothing beyond looking at its upload" } }
                    ul { @for line in &action.allows { li { code { (line) } } } }
                }
            }
        }
        p.quiet { "A component whose file changes is taken up by itself; " code { "afterimage plugin inspect NAME" } " tells more." }
    };
    reply::page(StatusCode::OK, layout::page(&asked.up, "Plugins", "plugins", &content))
}
