//! When deliveries are tried again, how long posts are collected, and what is
//! kept of delivered uploads.

use serde::Deserialize;
use toml::Spanned;

use super::file::{ConfigError, Document, File};
use crate::delivery::Settings;
use crate::values;

/// `KEEP_DELIVERED`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields, default)]
pub(super) struct KeepTable {
    /// How long receipts are kept.
    pub(super) receipts: Option<Spanned<String>>,
    /// How long the files of delivered uploads are kept.
    pub(super) files: Option<Spanned<String>>,
}

pub(super) fn deliveries(document: &Document<'_>, file: &File) -> Result<Settings, ConfigError> {
    let default = Settings::default();
    let parse = |key: &str, text: &Spanned<String>| {
        values::duration(text.get_ref()).map_err(|error| {
            document.error(text, format_args!("{key}: {error}; write a time like \"10 min\""))
        })
    };
    let duration = |key, written: &Option<Spanned<String>>, default| match written {
        Some(text) => parse(key, text),
        None => Ok(default),
    };
    let retry_delays = match &file.retry_delays {
        Some(written) if written.get_ref().is_empty() => {
            return Err(document.error(
                written,
                "RETRY_DELAYS is empty; write it like [\"0 s\", \"30 s\", \"1 h\"]",
            ));
        }
        Some(written) => written
            .get_ref()
            .iter()
            .map(|text| parse("RETRY_DELAYS", text))
            .collect::<Result<_, _>>()?,
        None => default.retry_delays,
    };
    let max_queue = match &file.max_queue {
        Some(written) => usize::try_from(*written.get_ref()).ok().filter(|&most| most > 0),
        None => Some(default.max_queue),
    };
    let max_queue = max_queue.ok_or_else(|| {
        let written = file.max_queue.as_ref().expect("the default is fine");
        document.error(written, "MAX_QUEUE: write a number above 0 like MAX_QUEUE = 100000")
    })?;
    let keep = &file.keep_delivered;
    Ok(Settings {
        retry_delays,
        retry_for: duration("RETRY_FOR", &file.retry_for, default.retry_for)?,
        collect_timeout: duration(
            "COLLECT_TIMEOUT",
            &file.collect_timeout,
            default.collect_timeout,
        )?,
        repeat_window: duration("REPEAT_WINDOW", &file.repeat_window, default.repeat_window)?,
        keep_receipts: duration("KEEP_DELIVERED", &keep.receipts, default.keep_receipts)?,
        keep_files: duration("KEEP_DELIVERED", &keep.files, default.keep_files)?,
        max_queue,
        stop_timeout: duration("STOP_TIMEOUT", &file.stop_timeout, default.stop_timeout)?,
    })
}
