//! What is wrong with a configuration, in the words of the manual, at the
//! place where it is written.

use std::fmt;
use std::path::Path;

/// Where something is written: a line of a file, or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A file's path or a variable's name.
    pub source: String,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
}

impl Place {
    /// `message` at this place.
    pub(super) fn error(&self, message: impl fmt::Display) -> ConfigError {
        ConfigError { place: self.clone(), message: message.to_string() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.source),
            None => write!(f, "{}", self.source),
        }
    }
}

/// Something in the configuration that the program cannot run with. Its text
/// is `file:line: what is wrong; what to do`.
#[derive(Debug)]
pub struct ConfigError {
    place: Place,
    message: String,
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let place = Place { source: path.display().to_string(), line: None };
        place.error(format_args!("cannot be read: {error}; give its place with --config FILE"))
    }
}

impl ConfigError {
    pub(super) fn not_utf8(path: &Path, bytes: &[u8], error: &std::str::Utf8Error) -> Self {
        let before = bytes.iter().take(error.valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        let place = Place { source: path.display().to_string(), line: Some(line) };
        place.error("this is not UTF-8; save the file as UTF-8")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// The parser's `words` in those of the manual.
pub(super) fn in_plain_words(words: &str) -> String {
    let words = words.replace('\n', ": ");
    if let Some(key) = words.strip_prefix("duplicate key") {
        let key = key.trim_matches([' ', '`', ':']);
        let key = if key.is_empty() { "this key" } else { key };
        return format!("{key} stands there twice; remove one of them");
    }
    if let Some(key) = quoted(&words, "missing field ") {
        return format!("{key} is missing; add {key} = \"...\"");
    }
    if let Some(rest) = words.strip_prefix("unknown field ") {
        let mut names = rest.split('`').skip(1).step_by(2);
        let key = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return match nearest(key, &known) {
            Some(near) => format!("unknown key {key}; did you mean {near}?"),
            None => format!("unknown key {key}; known are {}", known.join(", ")),
        };
    }
    if let Some((found, expected)) =
        words.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{} is needed, not {}", expected_words(expected), found_words(found));
    }
    words
}

fn quoted<'a>(words: &'a str, before: &str) -> Option<&'a str> {
    words.strip_prefix(before)?.strip_prefix('`')?.split('`').next()
}

fn expected_words(expected: &str) -> String {
    let words = match expected {
        "a string" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list like [\"a\", \"b\"]",
        "a map" => "a table like { KEY = \"...\" }",
        "u16" | "u32" | "u64" | "i64" | "usize" => "a whole number",
        structure if structure.starts_with("struct ") => "a table like { KEY = \"...\" }",
        other => other,
    };
    words.to_owned()
}

fn found_words(found: &str) -> String {
    for (kind, words) in [
        ("string ", "the text "),
        ("integer ", ""),
        ("floating point ", ""),
        ("boolean ", ""),
        ("map", "a table"),
        ("sequence", "a list"),
    ] {
        if let Some(rest) = found.strip_prefix(kind) {
            return format!("{words}{}", rest.trim_matches('`'));
        }
    }
    found.to_owned()
}

/// The name among `known` that a typing error could have made of `name`.
pub(super) fn nearest<'a, T: AsRef<str>>(name: &str, known: &'a [T]) -> Option<&'a str> {
    let typing_errors = (name.len() / 3).max(1);
    known
        .iter()
        .map(AsRef::as_ref)
        .map(|known| (strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= typing_errors)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_words_become_those_of_the_manual() {
        for (parser, manual) in [
            ("duplicate key", "this key stands there twice; remove one of them"),
            ("duplicate key `LISTEN`", "LISTEN stands there twice; remove one of them"),
            ("missing field `COMPONENT`", "COMPONENT is missing; add COMPONENT = \"...\""),
            ("invalid type: integer `3`, expected a string", "a text in quotes is needed, not 3"),
            (
                "invalid type: string \"x\", expected struct LimitsTable",
                "a table like { KEY = \"...\" } is needed, not the text \"x\"",
            ),
            (
                "invalid type: map, expected a sequence",
                "a list like [\"a\", \"b\"] is needed, not a table",
            ),
        ] {
            assert_eq!(in_plain_words(parser), manual);
        }
    }
}
