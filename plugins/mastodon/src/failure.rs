//! What becomes of a delivery that the server does not take: again later, or
//! never, with the server's words.

use std::time::{SystemTime, UNIX_EPOCH};

use afterimage_sdk::http::{NoResponse, Response};
use afterimage_sdk::{Failure, RejectionReason, RetryAdvice, reject};

use crate::api::json;
use crate::time;

/// Longest that a server may ask us to wait, in seconds.
const LONGEST_WAIT: u64 = 6 * 3600;

/// What an answer other than success to a request for `path` means.
pub fn failure(answer: &Response, path: &str) -> Failure {
    let status = answer.status;
    let words = words(answer);
    match status {
        429 => retry(wait(answer), format!("the server wants a pause: {words}")),
        408 | 425 | 500.. => retry(wait(answer), format!("the server has a problem: {words}")),
        // The server itself answers in JSON; a page is of what stands before
        // it, and tells nothing of the token.
        401 | 403 if answer.is_page() => {
            retry(wait(answer), format!("something before the server refuses: {words}"))
        }
        401 | 403 => reject(
            RejectionReason::Unauthorized,
            format!("{words}; get a new TOKEN with `afterimage login mastodon`"),
        ),
        413 => reject(RejectionReason::TooLarge, words),
        300..=399 => elsewhere(answer, path),
        404 | 405 => reject(
            RejectionReason::Other,
            format!("{words}; is BASE_URL a server with Mastodon's API?"),
        ),
        _ => reject(RejectionReason::Invalid, words),
    }
}

/// What a redirect means: a server that has moved leads to the same path
/// elsewhere, a page to log in at (of a proxy, of a hotel) to another one.
fn elsewhere(answer: &Response, path: &str) -> Failure {
    let status = answer.status;
    let to = answer.header("location").unwrap_or_default();
    let to: String = to.chars().filter(|c| !c.is_control()).take(100).collect();
    let path = path.split('?').next().unwrap_or_default();
    let is_same = to.split(['?', '#']).next().is_some_and(|to| to.ends_with(path));
    if to.is_empty() || is_same {
        let message = format!("the server leads elsewhere ({status}); correct BASE_URL");
        return reject(RejectionReason::Other, message);
    }
    retry(wait(answer), format!("something before the server leads to {to} ({status})"))
}

/// What a success means that is not what the API answers.
pub fn unproven(answer: &Response) -> Failure {
    let what = if answer.is_page() { "a page" } else { "something" };
    let words = words(answer);
    retry(wait(answer), format!("{what} in the place of the server's answer: {words}"))
}

/// What no answer means.
pub fn unreached(error: &NoResponse) -> Failure {
    retry(None, format!("no answer from the server: {}", error.why))
}

/// A failure that may pass.
pub fn retry(after_seconds: Option<u32>, reason: impl Into<String>) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds, reason: reason.into() })
}

/// Seconds that the server wants us to wait.
fn wait(answer: &Response) -> Option<u32> {
    let seconds = answer.retry_after().map(u64::from).or_else(|| reset(answer))?;
    u32::try_from(seconds.min(LONGEST_WAIT)).ok()
}

/// Seconds until the server takes more, if this answer says that it was the
/// last one for now.
pub fn exhausted(answer: &Response) -> Option<u32> {
    let remaining = answer.header("x-ratelimit-remaining")?;
    let seconds = reset(answer).filter(|_| remaining.trim() == "0")?;
    u32::try_from(seconds.min(LONGEST_WAIT)).ok()
}

/// Seconds until the server counts anew.
fn reset(answer: &Response) -> Option<u64> {
    let reset = time::parse(answer.header("x-ratelimit-reset")?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(reset.saturating_sub(now) + 1)
}

/// What the server says, in one line. Proxies answer with pages.
pub fn words(answer: &Response) -> String {
    let said = json(answer).and_then(|json| {
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        text("error_description").or_else(|| text("error"))
    });
    let said = said.unwrap_or_else(|| plain(&String::from_utf8_lossy(&answer.body)));
    match said.is_empty() {
        true => format!("status {}", answer.status),
        false => format!("{} ({})", said.chars().take(200).collect::<String>(), answer.status),
    }
}

/// The first words of a page.
fn plain(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars().take(2_000) {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            character if !in_tag => text.push(character),
            _ => {}
        }
    }
    text.split_whitespace().take(20).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_its_words() {
        assert_eq!(plain("<html><h1>502 Bad\nGateway</h1><hr>nginx"), "502 Bad Gateway nginx");
    }
}
