//! Parameters of a header, like `form-data; name="x"`.

/// The value of a parameter in a header like `form-data; name="x"`.
pub fn parameter(header: &str, wanted: &str) -> Option<String> {
    parameters(header).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// All parameters of a header, in their order.
pub(super) fn parameters(header: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([';', ' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let end = rest.find([';', '=']).unwrap_or(rest.len());
            let name = rest[..end].trim_end();
            rest = &rest[end..];
            let Some(value) = rest.strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start();
            let decoded;
            (decoded, rest) = match value.strip_prefix('"') {
                Some(quoted) => unquoted(quoted),
                None => {
                    let (value, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
                    (value.trim_end().to_owned(), rest)
                }
            };
            return Some((name, decoded));
        }
    })
}

/// A quoted value from behind its opening quote, and what follows it.
///
/// Old browsers send whole Windows paths, so a backslash counts only before a
/// quote or another backslash.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        let escaped = characters.as_str().chars().next();
        match (character, escaped) {
            ('"', _) => break,
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                value.push(escaped);
                characters.next();
            }
            _ => value.push(character),
        }
    }
    (value, characters.as_str())
}
