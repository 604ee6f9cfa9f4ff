//! The value of one key as it is written, and reading it.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;

use crate::values;

/// The value of one key.
pub(super) struct Value<'a> {
    /// As the file has it.
    pub(super) written: Json,
    /// As it stands in the environment or in a file of its own, where a text
    /// needs no quotes.
    pub(super) raw: Option<String>,
    /// Where relative paths start: the folder of the file.
    pub(super) base: &'a Path,
    /// Whether it must not be repeated in an error.
    pub(super) is_secret: bool,
}

impl Value<'_> {
    /// A text.
    pub(super) fn text(&self) -> Result<String, String> {
        match (&self.raw, &self.written) {
            (Some(raw), _) => Ok(raw.clone()),
            (None, Json::String(text)) => Ok(text.clone()),
            _ => Err(self.needs("a text in quotes")),
        }
    }

    /// A text that is not empty and has no blanks around it.
    pub(super) fn word(&self) -> Result<String, String> {
        let text = self.text()?;
        match text.trim() {
            "" => Err("it is empty; remove the line, or write something there".to_owned()),
            trimmed if trimmed != text => Err("there is a blank at its end; remove it".to_owned()),
            _ => Ok(text),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Result<bool, String> {
        match (self.raw.as_deref().map(str::trim), &self.written) {
            (Some("true" | "1" | "yes"), _) | (None, Json::Bool(true)) => Ok(true),
            (Some("false" | "0" | "no"), _) | (None, Json::Bool(false)) => Ok(false),
            _ => Err(self.needs("true or false, without quotes,")),
        }
    }

    /// A whole number.
    pub(super) fn number(&self, range: RangeInclusive<u64>) -> Result<u64, String> {
        let number = match (&self.raw, &self.written) {
            (Some(raw), _) => raw.trim().parse().ok(),
            (None, written) => written.as_u64(),
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            if *range.start() == 1 && *range.end() == u64::MAX && number.is_some() {
                return "write a number above 0".to_owned();
            }
            let what = match range.end() {
                &u64::MAX => format!("a whole number, at least {},", range.start()),
                end => format!("a whole number from {} to {end}", range.start()),
            };
            self.needs(&what)
        })
    }

    /// A size like `"64 MiB"`, in bytes; a number is one of bytes.
    pub(super) fn size(&self) -> Result<u64, String> {
        match (&self.raw, &self.written) {
            (None, Json::Number(number)) => {
                number.as_u64().ok_or_else(|| self.needs("a size like \"64 MiB\""))
            }
            (None, Json::String(_)) | (Some(_), _) => values::size(&self.text()?),
            _ => Err(self.needs("a size like \"64 MiB\"")),
        }
    }

    /// A size that is more than nothing.
    pub(super) fn size_above_0(&self) -> Result<u64, String> {
        match self.size()? {
            0 => Err("nothing is as small as that; more than 0 is needed".to_owned()),
            size => Ok(size),
        }
    }

    /// A time like `"20 s"`.
    pub(super) fn duration(&self) -> Result<Duration, String> {
        match (&self.raw, &self.written) {
            (None, Json::String(_)) | (Some(_), _) => values::duration(&self.text()?),
            _ => Err(self.needs("a time with its unit, like \"20 s\",")),
        }
    }

    /// A time that is longer than nothing.
    pub(super) fn duration_above_0(&self) -> Result<Duration, String> {
        match self.duration()? {
            Duration::ZERO => Err("nothing is as quick as that; more than 0 is needed".to_owned()),
            time => Ok(time),
        }
    }

    /// A path; a relative one starts at the file's folder.
    pub(super) fn path(&self) -> Result<PathBuf, String> {
        let text = self.word()?;
        if text.starts_with('~') || text.starts_with('$') {
            let first = text.split('/').next().unwrap_or_default();
            return Err(format!(
                "{first} means nothing here, since no shell reads it; write the whole path like \
                 \"/home/me/photos\""
            ));
        }
        if text.contains('\0') {
            return Err("no path has a NUL in it".to_owned());
        }
        Ok(self.base.join(text))
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Result<Vec<String>, String> {
        let needs = || self.needs("a list like [\"a\", \"b\"]");
        match self.json()? {
            Json::Array(list) => {
                list.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(needs)).collect()
            }
            Json::String(text) if self.raw.is_some() => Ok(text
                .split(',')
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .collect()),
            _ => Err(needs()),
        }
    }

    /// Whatever it is. In the environment, what is no TOML is a text.
    pub(super) fn json(&self) -> Result<Json, String> {
        let Some(raw) = &self.raw else { return Ok(self.written.clone()) };
        let parsed = toml::from_str::<toml::Table>(&format!("VALUE = {raw}"));
        Ok(match parsed.ok().and_then(|mut table| table.remove("VALUE")) {
            Some(value) => serde_json::to_value(value).unwrap_or_default(),
            None => Json::String(raw.clone()),
        })
    }

    /// That something else is needed.
    pub(super) fn needs(&self, what: &str) -> String {
        match (&self.raw, self.is_secret) {
            (_, true) => format!("{what} is needed"),
            (Some(raw), _) => format!("{what} is needed, not {raw:?}"),
            (None, _) => format!("{what} is needed, not {}", self.written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(written: impl Into<Json>) -> Value<'static> {
        Value { written: written.into(), raw: None, base: Path::new("/etc"), is_secret: false }
    }

    fn raw(raw: &str) -> Value<'static> {
        Value { raw: Some(raw.to_owned()), ..written(Json::Null) }
    }

    #[test]
    fn a_wrong_type_is_told_in_words_of_the_manual() {
        let port = written("x").number(1..=65_535).unwrap_err();
        assert_eq!(port, "a whole number from 1 to 65535 is needed, not \"x\"");
        assert!(written(true).text().unwrap_err().contains("a text in quotes"));
        assert!(written("yes").flag().unwrap_err().contains("without quotes"));
        assert!(written(20).duration().unwrap_err().contains("with its unit"));
        let secret = Value { is_secret: true, ..written(4711) };
        assert!(!secret.text().unwrap_err().contains("4711"));
    }

    #[test]
    fn in_the_environment_a_text_needs_no_quotes() {
        assert_eq!(raw("12345").text().unwrap(), "12345");
        assert_eq!(raw("587").number(1..=65_535), Ok(587));
        assert_eq!(raw("true").flag(), Ok(true));
        assert_eq!(raw("64 MiB").size(), Ok(64 << 20));
        assert_eq!(raw("a@example.org, b@example.org").texts().unwrap().len(), 2);
        assert_eq!(raw("[\"a@example.org\"]").texts().unwrap(), ["a@example.org"]);
    }

    #[test]
    fn a_path_is_below_the_files_folder_and_no_shell_reads_it() {
        assert_eq!(written("photos").path().unwrap(), Path::new("/etc/photos"));
        for path in ["~/photos", "$HOME/photos", "", "photos "] {
            assert!(written(path).path().is_err(), "{path}");
        }
    }
}
