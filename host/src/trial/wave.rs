//! Values of the contract as text, in WAVE, the component model's notation:
//! `err(denied("store is not granted"))`.

/// WAVE of what the generated types print as `Debug`: they name fields as the
/// contract does, and variants as Rust does.
pub fn of_debug(debug: &str) -> String {
    let mut wave = String::with_capacity(debug.len());
    let mut rest = debug;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            let end = end_of_string(rest);
            // The one escape of Rust's that WAVE does not have.
            wave.push_str(&rest[..end].replace("\\0", "\\u{0}"));
            rest = &rest[end..];
        } else if next.is_alphabetic() || next == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | ':')))
                .unwrap_or(rest.len());
            // `name: value` ends with a colon that is no part of a path.
            let end = rest[..end].trim_end_matches(':').len();
            let (word, after) = rest.split_at(end);
            rest = after;
            if after.starts_with(" {") {
                // A record's type; WAVE knows it from the context.
                rest = &after[1..];
                continue;
            }
            let name = word.rsplit("::").next().unwrap_or(word);
            kebab(name, &mut wave);
        } else {
            wave.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    wave.replace("(())", "")
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn kebab(name: &str, wave: &mut String) {
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 {
            wave.push('-');
        }
        match c {
            '_' => wave.push('-'),
            c => wave.extend(c.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_texts_become_wave() {
        let cases = [
            ("Ok(\"a/b (1)\")", "ok(\"a/b (1)\")"),
            ("Err(StoreError::Denied(\"No: \\\"X\\\" {\"))", "err(denied(\"No: \\\"X\\\" {\"))"),
            ("Err(StoreError::NoSuchFile)", "err(no-such-file)"),
            ("Ok(())", "ok"),
            (
                "RetryAdvice { after-seconds: Some(7), reason: \"x\" }",
                "{ after-seconds: some(7), reason: \"x\" }",
            ),
            ("[(\"a\", \"b\")]", "[(\"a\", \"b\")]"),
            ("Some([120, 0])", "some([120, 0])"),
            ("Level::Info", "info"),
            ("\"\\0\"", "\"\\u{0}\""),
        ];
        for (debug, wave) in cases {
            assert_eq!(of_debug(debug), wave);
        }
    }
}
