//! What a guest answered, as it is kept and shown: a stranger's words, in one
//! line each, cleaned and bounded.

use url::Url;

use crate::contract::uploads::{Receipt, Rejection, RetryAdvice};
use crate::text::{clean, clipped};

/// Characters that fit a camera's screen.
const SCREEN: usize = 120;
/// Bytes of a line for log and queue.
const LINE: usize = 1 << 10;
/// Links of a receipt: a thread of posts.
const LINKS: usize = 16;

/// A rejection as a camera shows it.
pub(super) fn rejection(rejection: Rejection) -> Rejection {
    let message = clean(&rejection.message).chars().take(SCREEN).collect();
    Rejection { message, ..rejection }
}

/// The reason for another attempt.
pub(super) fn advice(advice: RetryAdvice) -> RetryAdvice {
    RetryAdvice { reason: line(&advice.reason), ..advice }
}

/// A receipt with those links that can be opened without harm.
pub(super) fn receipt(receipt: Receipt) -> Receipt {
    let links = receipt.links.into_iter().filter(|link| is_link(link)).take(LINKS).collect();
    Receipt { summary: line(&receipt.summary), links }
}

/// One line of at most [`LINE`] bytes.
pub(super) fn line(text: &str) -> String {
    let mut line = clipped(text.trim(), LINE);
    line.truncate(line.floor_char_boundary(LINE));
    line
}

fn is_link(link: &str) -> bool {
    link.len() <= LINE
        && clean(link) == link
        && Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_pages_are_links_and_not_too_many() {
        let wrong = ["javascript:alert(1)", "file:///etc/passwd", "x", "https://a.example/\n", ""];
        let links = (0..100).map(|n| format!("https://example.org/{n}"));
        let links = wrong.map(str::to_owned).into_iter().chain(links).collect();
        let kept = receipt(Receipt { summary: String::new(), links }).links;
        assert_eq!(kept.len(), LINKS);
        assert_eq!(kept[0], "https://example.org/0");
    }

    #[test]
    fn a_line_is_one_and_bounded_in_every_script() {
        assert_eq!(line("sent\r\nERROR \u{202e}x\0"), "sent ERROR  x ");
        assert!(line(&"\u{1f4f7}".repeat(5_000)).len() <= LINE);
    }
}
