//! The path of a request, tolerant of how it is written. Never answered by a
//! redirect, which no camera follows (`protocol.md` 2, D17).

use percent_encoding::percent_decode_str;

use crate::text;

/// A path: slashes merged, escapes decoded, without one at its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// In lower case, as every known word and every key is.
    known: String,
    /// The last segment as it was written.
    last: String,
}

impl Path {
    pub(super) fn new(path: &str) -> Self {
        // Decoded one by one: an escaped slash is part of a name.
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "."))
            .map(|segment| {
                let bytes: Vec<u8> = percent_decode_str(segment).collect();
                text::decode(&bytes, None).into_owned()
            })
            .collect();
        let known = segments.iter().fold(String::new(), |path, segment| {
            path + "/" + &segment.replace('/', "%2f").to_lowercase()
        });
        let known = if known.is_empty() { "/".to_owned() } else { known };
        Self { known, last: segments.into_iter().next_back().unwrap_or_default() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.known
    }

    /// Its segments.
    pub(super) fn words(&self) -> Vec<&str> {
        self.known[1..].split('/').collect()
    }

    /// The last segment, with its capitals.
    pub(super) fn last(&self) -> &str {
        &self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        for written in [
            "/social/columbus/email",
            "//social//columbus/email/",
            "/social/columbus/%65mail",
            "/SOCIAL/Columbus/EMAIL",
            "/./social/columbus/./email//",
        ] {
            assert_eq!(Path::new(written).as_str(), "/social/columbus/email", "{written}");
        }
        assert_eq!(Path::new("").as_str(), "/");
        assert_eq!(Path::new("//").words(), [""]);
    }

    #[test]
    fn a_name_keeps_its_capitals_and_its_slash() {
        let path = Path::new("/UPLOAD/0AF/SAM%200042%2f1.JPG");
        assert_eq!(path.words(), ["upload", "0af", "sam 0042%2f1.jpg"]);
        assert_eq!(path.last(), "SAM 0042/1.JPG");
        assert_eq!(Path::new("/a/%BF%A9%B8%A7").last(), "여름");
    }
}
