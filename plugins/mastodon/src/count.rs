//! How long a text is for Mastodon: its links count as 23 characters, of a
//! mention the server's name does not count, and a character is what people
//! call one (`StatusLengthValidator` and `grapheme_length` of Mastodon).

use unicode_segmentation::UnicodeSegmentation;

/// What a link counts.
const LINK: usize = 23;

/// The length of a post's text.
pub fn length(text: &str) -> usize {
    let mut length = 0;
    let mut rest = text;
    let mut before = None;
    let mut plain = String::new();
    while let Some(character) = rest.chars().next() {
        let link = if before.is_none_or(may_precede) { link(rest) } else { None };
        let mention = match before {
            Some(before) if is_word(before) || "=/".contains(before) => None,
            _ => mention(rest),
        };
        let taken = match (link, mention) {
            (Some(end), _) => {
                length += LINK;
                end
            }
            (None, Some((name, end))) => {
                plain.push_str(&rest[..name]);
                end
            }
            (None, None) => {
                plain.push(character);
                character.len_utf8()
            }
        };
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    length + plain.graphemes(true).count()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether a link can begin behind this.
fn may_precede(character: char) -> bool {
    !is_word(character) && !"@#$/".contains(character)
}

/// Where the link ends that `text` begins with.
fn link(text: &str) -> Option<usize> {
    let head = ["https://", "http://"].into_iter().find(|head| {
        text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
    })?;
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
    let end = text.find(is_end).unwrap_or(text.len());
    let link = text[..end].trim_end_matches(|c: char| ".,;:!?'()[]".contains(c));
    let host = link.get(head.len()..)?.split(['/', '?', '#', ':']).next()?;
    let (name, top) = host.rsplit_once('.')?;
    let is_host =
        !name.is_empty() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    is_host.then_some(link.len())
}

/// Where the name ends of the mention that `text` begins with, and where the
/// server's name ends behind it.
fn mention(text: &str) -> Option<(usize, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let name = text.strip_prefix('@')?;
    let name = &name[..name.find(|c| !is_name(c)).unwrap_or(name.len())];
    let name = name.trim_end_matches(['.', '-']);
    if name.is_empty() || name.starts_with(['.', '-']) {
        return None;
    }
    let end = name.len() + 1;
    let Some(server) = text[end..].strip_prefix('@') else { return Some((end, end)) };
    let is_server = |c: char| is_word(c) || ".-".contains(c);
    let server = &server[..server.find(|c| !is_server(c)).unwrap_or(server.len())];
    let server = server.trim_end_matches(['.', '-']);
    match server.is_empty() {
        true => Some((end, end)),
        false => Some((end, end + 1 + server.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_long_as_mastodon_says() {
        for (text, expected) in [
            ("", 0),
            ("Boats", 5),
            // A family, a flag, a letter with an accent of its own.
            ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}", 1),
            ("\u{1f1eb}\u{1f1f7}e\u{301}", 2),
            ("hi @alice@a-very-long-name.social.example.org!", 10),
            ("@alice @bob@example.org.", 12),
            ("mail alice@example.org", 22),
            ("see https://example.org/a/very/long/path?with=a&query=in#it.", 28),
            ("(https://example.org/)", 25),
            ("http://a.example http://b.example", 47),
            ("https://localhost/x", 19),
            ("xhttps://example.org", 20),
            ("https://", 8),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
