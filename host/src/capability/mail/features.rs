//! What a mail server says that it can do, in its answer to `EHLO`.

use super::wire::Answer;

/// The keywords of the answer, as the server wrote them.
#[derive(Debug, Default)]
pub(super) struct Features(Vec<String>);

impl Features {
    /// Those of an answer to `EHLO`, whose first line is a greeting.
    pub(super) fn new(answer: &Answer) -> Self {
        Self(answer.lines.iter().skip(1).cloned().collect())
    }

    /// Whether it has this one.
    pub(super) fn has(&self, keyword: &str) -> bool {
        self.named(keyword).next().is_some()
    }

    /// Whether it wants to know the size before, and its limit; 0 means none
    /// (RFC 1870).
    pub(super) fn size(&self) -> Option<Option<u64>> {
        let limit = self.named("SIZE").next()?.next();
        Some(limit.and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0))
    }

    /// The ways to log in, in upper case. Old servers write `AUTH=LOGIN`.
    pub(super) fn logins(&self) -> Vec<String> {
        let mut logins = Vec::new();
        for line in &self.0 {
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH")) {
                for login in words.map(str::to_ascii_uppercase) {
                    if !logins.contains(&login) {
                        logins.push(login);
                    }
                }
            }
        }
        logins
    }

    /// The words behind `keyword` in each line that begins with it.
    fn named<'a>(
        &'a self,
        keyword: &'a str,
    ) -> impl Iterator<Item = std::str::SplitAsciiWhitespace<'a>> {
        self.0.iter().filter_map(move |line| {
            let mut words = line.split_ascii_whitespace();
            words.next()?.eq_ignore_ascii_case(keyword).then_some(words)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(lines: &[&str]) -> Features {
        let lines = ["mx.example.org"].iter().chain(lines).map(|&line| line.to_owned()).collect();
        Features::new(&Answer { code: 250, lines })
    }

    #[test]
    fn keywords_are_found_however_they_are_written() {
        let features = features(&["starttls", "SIZE  300000", "AUTH PLAIN login", "AUTH=LOGIN"]);
        assert!(
            features.has("STARTTLS")
                && !features.has("SMTPUTF8")
                && !features.has("mx.example.org")
        );
        assert_eq!(features.size(), Some(Some(300_000)));
        assert_eq!(features.logins(), ["PLAIN", "LOGIN"]);
    }

    #[test]
    fn a_limit_of_size_may_be_missing_or_senseless() {
        assert_eq!(features(&[]).size(), None);
        for line in ["SIZE", "SIZE 0", "SIZE many"] {
            assert_eq!(features(&[line]).size(), Some(None), "{line}");
        }
    }
}
