//! Fields of log events: cleaned and bounded here and nowhere else.
//!
//! A sender, a service, a receipt: nearly everything that is logged has been
//! chosen by a stranger, who would write lines of his own with a line break in
//! it, or fill the disk. Call sites would forget; a formatter cannot.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use super::clean::is_unprintable;

/// Longest text of all fields of one event, in bytes. A guest's line has up to
/// 8 KiB, the head of the largest request known 900 bytes.
const LONGEST: usize = 12 << 10;

/// Name of a field whose text has several lines. Each stands in a line of its
/// own that no line of the log looks like: those begin with a time.
const LINES: &str = "lines";

/// Formats the fields of events for the log: one line without anything that
/// acts on a terminal, [`LONGEST`] bytes at most. Only a field called `lines`
/// goes on below, indented.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFields;

impl<'writer> FormatFields<'writer> for LogFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_empty: true, room: LONGEST, below: String::new() };
        fields.record(&mut line);
        let below = std::mem::take(&mut line.below);
        for text in below.lines() {
            line.writer.write_str("\n  | ")?;
            line.clean(format_args!("{text}"))?;
        }
        Ok(())
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    /// Bytes that still fit.
    room: usize,
    /// Text that stands below the line.
    below: String,
}

impl Line<'_> {
    fn clean(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        let mut cleaner =
            Cleaner { writer: &mut self.writer, room: self.room, left_out: 0, after_bad: false };
        cleaner.write_fmt(text)?;
        let Cleaner { room, left_out, .. } = cleaner;
        self.room = room;
        match left_out {
            0 => Ok(()),
            _ => write!(self.writer, "… ({left_out} bytes more)"),
        }
    }

    fn field(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.write_char(' ')?;
        }
        if name != "message" {
            let name = name.strip_prefix("r#").unwrap_or(name);
            if self.writer.has_ansi_escapes() {
                write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
            } else {
                write!(self.writer, "{name}=")?;
            }
        }
        self.clean(value)
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // A formatter that fails has nobody to tell.
        let _ = match field.name() {
            "message" => self.field("message", format_args!("{value}")),
            LINES => self.record_lines(value),
            name => self.field(name, format_args!("{value:?}")),
        };
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            LINES => self.record_lines(&format!("{value:?}")),
            name => self.field(name, format_args!("{value:?}")),
        };
    }
}

impl Line<'_> {
    fn record_lines(&mut self, text: &str) -> fmt::Result {
        self.below.push_str(&text[..text.floor_char_boundary(LONGEST)]);
        Ok(())
    }
}

/// Writes a blank for what must not stand in a line, and no more than there is
/// room for.
struct Cleaner<'a, 'writer> {
    writer: &'a mut Writer<'writer>,
    room: usize,
    left_out: usize,
    after_bad: bool,
}

impl fmt::Write for Cleaner<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.left_out == 0 && text.len() <= self.room && !text.contains(is_unprintable) {
            self.room -= text.len();
            self.after_bad = false;
            return self.writer.write_str(text);
        }
        for (at, c) in text.char_indices() {
            if self.left_out > 0 || c.len_utf8() > self.room {
                self.left_out += text.len() - at;
                return Ok(());
            }
            let bad = is_unprintable(c);
            if !(bad && self.after_bad) {
                let c = if bad { ' ' } else { c };
                self.room -= c.len_utf8();
                self.writer.write_char(c)?;
            }
            self.after_bad = bad;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(event: impl FnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .fmt_fields(LogFields)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, event);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_text_of_a_stranger_writes_a_line_of_its_own() {
        let forged = "a\r\n2026-01-01 INFO forged\u{1b}[2J\u{2028}\u{202e}\0";
        let error = io::Error::other(forged);
        for text in [
            logged(|| tracing::info!("{forged}")),
            logged(|| tracing::info!(sender = forged, "came")),
            logged(|| tracing::info!(sender = %forged, "came")),
            logged(|| tracing::info!(sender = ?forged, "came")),
            logged(|| tracing::info!(error = &error as &dyn std::error::Error, "came")),
            logged(|| tracing::info_span!("of", sender = %forged).in_scope(|| tracing::info!("x"))),
        ] {
            assert_eq!(text.lines().count(), 1, "{text:?}");
            assert!(!text.trim_end().contains(is_unprintable), "{text:?}");
            assert!(text.contains("forged"), "{text:?}");
        }
    }

    #[test]
    fn a_line_has_a_bound_and_says_what_it_leaves_out() {
        let text = logged(|| tracing::info!(a = "x".repeat(1 << 20), "{}", "é".repeat(1 << 20)));
        assert!(text.len() < LONGEST + 200, "{}", text.len());
        let left_out = (2 << 20) - LONGEST;
        assert!(text.contains(&format!("é… ({left_out} bytes more)")), "{}", &text[LONGEST..]);
    }

    #[test]
    fn lines_stand_below_the_line_and_look_like_none() {
        let text = logged(|| tracing::warn!(lines = "GET / HTTP/1.0\r\n\u{1b}A: b", "a request:"));
        assert_eq!(text, " WARN a request:\n  | GET / HTTP/1.0\n  |  A: b\n");
    }
}
