//! GPS properties in XMP, an XML text: `exif:GPSLatitude="…"` and
//! `<exif:GPSLatitude>…</exif:GPSLatitude>`.

/// Overwrites them with spaces. A property without an end takes the rest of
/// the text with it.
pub(super) fn blank_gps(text: &mut [u8]) {
    let mut from = 0;
    while let Some(place) = find(text, from, b":GPS") {
        let start = text[..place].iter().rposition(|byte| !is_name(*byte)).map_or(0, |at| at + 1);
        let end = place + 1 + text[place + 1..].iter().take_while(|byte| is_name(**byte)).count();
        let (start, stop) = if start > 0 && text[start - 1] == b'<' {
            let closing = [b"</", &text[start..end], b">"].concat();
            let tag = find(text, end, b">").unwrap_or(text.len());
            let stop = match tag > end && text[tag - 1] == b'/' {
                true => Some(tag + 1),
                false => find(text, end, &closing).map(|at| at + closing.len()),
            };
            (start - 1, stop)
        } else {
            let quote = text[end..].iter().position(|byte| matches!(byte, b'"' | b'\''));
            let stop = quote.and_then(|at| {
                let open = end + at;
                find(text, open + 1, &[text[open]]).map(|close| close + 1)
            });
            (start, stop)
        };
        let stop = stop.unwrap_or(text.len());
        text[start..stop].fill(b' ');
        from = stop;
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.') || byte >= 0x80
}

fn find(text: &[u8], from: usize, word: &[u8]) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.windows(word.len()).position(|window| window == word).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        blank_gps(&mut bytes);
        assert_eq!(bytes.len(), text.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn attributes_and_elements_become_spaces() {
        let blank = |text: &str| " ".repeat(text.len());
        let (a, b) = (r#"exif:GPSLatitude="53,18.5N""#, "x:GPSVersionID='2.2'");
        assert_eq!(
            blanked(&format!("<r {a} x:Rating=\"5\"\n{b}/>")),
            format!("<r {} x:Rating=\"5\"\n{}/>", blank(a), blank(b))
        );
        let (a, b) = ("<exif:GPSLatitude>1</exif:GPSLatitude>", "<exif:GPSMapDatum/>");
        assert_eq!(
            blanked(&format!("<r>{a}<y/>{b}</r>")),
            format!("<r>{}<y/>{}</r>", blank(a), blank(b))
        );
    }

    #[test]
    fn other_texts_stay() {
        let text = r#"<r exif:Make="GPS" dc:title="my GPS">GPS</r>"#;
        assert_eq!(blanked(text), text);
    }
}
