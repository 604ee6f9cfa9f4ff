//! Characters that end a line, move a cursor or turn the reading direction.

use std::borrow::Cow;

/// `text` as it may stand in a line of a log or in a cell of a table: what
/// could end the line, act on a terminal or turn the reading direction is a
/// blank, several in a row are one.
pub fn clean(text: &str) -> Cow<'_, str> {
    blanked(text, is_unprintable)
}

/// `text` in one line, its reading directions kept: for a subject.
pub fn one_line(text: &str) -> Cow<'_, str> {
    blanked(text, is_control)
}

/// `text` for a terminal, its lines kept, each [`clean`].
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(|c| c != '\n' && is_unprintable(c)) {
        Cow::Owned(text.split('\n').map(clean).collect::<Vec<_>>().join("\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// [`clean`], and at most so many characters; one that was longer ends in `…`.
pub fn clipped(text: &str, longest: usize) -> String {
    // No more is looked at than can be shown, however long the text is.
    let looked_at = text.char_indices().nth(longest.saturating_mul(4)).map_or(text.len(), |c| c.0);
    let cleaned = clean(&text[..looked_at]);
    match cleaned.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &cleaned[..end]),
        None if looked_at < text.len() => format!("{cleaned}…"),
        None => cleaned.into_owned(),
    }
}

/// Whether a character ends a line, acts on a terminal or turns the reading
/// direction: C0, DEL, C1, the line and paragraph separators, and the marks of
/// bidirectional text.
pub fn is_unprintable(c: char) -> bool {
    is_control(c)
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn blanked(text: &str, is_bad: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut after_bad = false;
    for c in text.chars() {
        let bad = is_bad(c);
        match (bad, after_bad) {
            (true, true) => {}
            (true, false) => cleaned.push(' '),
            (false, _) => cleaned.push(c),
        }
        after_bad = bad;
    }
    Cow::Owned(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_line_or_acts_on_a_terminal_is_a_blank() {
        let cases = [
            ("plain ü 사진 📷", "plain ü 사진 📷"),
            ("a\r\nb\tc\0d", "a b c d"),
            ("\u{1b}[2Ja\u{7f}b\u{9b}c", " [2Ja b c"),
            ("a\u{2028}b\u{2029}\u{85}c", "a b c"),
            ("a\u{202e}gpj.exe\u{2066}\u{200f}", "a gpj.exe "),
        ];
        for (text, cleaned) in cases {
            assert_eq!(clean(text), cleaned, "{text:?}");
            assert!(!clean(text).contains(is_unprintable));
        }
    }

    #[test]
    fn a_subject_keeps_its_reading_directions_and_no_line_end() {
        assert_eq!(one_line("שלום\u{200f}\r\nBcc: x"), "שלום\u{200f} Bcc: x");
    }

    #[test]
    fn a_terminal_keeps_the_lines() {
        assert_eq!(printable("a\r\nb\u{1b}c\n"), "a \nb c\n");
    }

    #[test]
    fn a_clipped_text_says_so() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("äöü", 2), "äö…");
        assert_eq!(clipped(&"\n".repeat(1000), 3), " …");
    }
}
