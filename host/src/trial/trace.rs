//! What `plugin try` sees of a run. It listens to the same events that the
//! server logs, so it sees what the server would, and every host function of
//! the contract without a line of its own for any.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::folded::Folded;
use super::wave;
use crate::capability::http::ANSWERED;
use crate::capability::log::GUEST;
use crate::plugin::call::USAGE;

/// Bytes of one value that are worth showing; a block of a photo is not.
const SHOWN: usize = 4 << 10;
/// Bytes that are shown of an answer that has more.
const CUT: usize = 40;

/// A call of a host function, in WAVE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    /// `store.put(0, "SAM_0042.JPG")`
    pub call: String,
    /// `ok("prints/SAM_0042.JPG")`; none if it did not return.
    pub answer: Option<String>,
}

/// What one call of the guest took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Computing time, the host's work for the guest included.
    pub cpu: Duration,
    /// Time in all.
    pub wall: Duration,
    /// Most memory, in KiB.
    pub memory: u64,
}

/// What has been seen. A guest may say and do the same again and again; that
/// is kept once, with how often, and of different things the first.
#[derive(Debug, Default)]
pub struct Seen {
    /// Calls of host functions, and requests as they are answered, in order.
    pub calls: Folded<HostCall>,
    /// The guest's lines, with their level.
    pub lines: Folded<String>,
    /// Warnings of the host: refusals, dropped lines.
    pub warnings: Folded<String>,
    /// Of each call of the guest.
    pub usage: Vec<Usage>,
    /// The call that has not returned yet.
    open: Option<HostCall>,
}

impl Seen {
    /// The call that is open, if one is, goes to the others.
    fn close(&mut self) {
        if let Some(call) = self.open.take() {
            self.calls.push(call);
        }
    }
}

/// Collects a [`Seen`]. Clones share it.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Seen>>);

impl Trace {
    /// What was seen since the last time.
    pub fn take(&self) -> Seen {
        let mut seen = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        seen.close();
        seen
    }
}

/// Name of the spans around host functions.
const IMPORT: &str = "wit-bindgen import";

/// Interface and function of a span.
struct Function(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        match metadata.target() {
            GUEST | USAGE | ANSWERED => *metadata.level() <= Level::DEBUG,
            target if target.starts_with("afterimage::contract") => true,
            target => target.starts_with("afterimage") && *metadata.level() <= Level::WARN,
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != IMPORT {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            let name = format!("{}.{}", fields.value("module"), fields.value("function"));
            span.extensions_mut().insert(Function(name));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = event.metadata();
        if metadata.target() == GUEST {
            let level = metadata.level().as_str().to_lowercase();
            seen.lines.push(format!("{level:<5} {}", fields.message()));
        } else if metadata.target() == USAGE {
            let number = |name| fields.value(name).parse().unwrap_or_default();
            seen.usage.push(Usage {
                cpu: Duration::from_micros(number("cpu_us")),
                wall: Duration::from_micros(number("wall_us")),
                memory: number("memory_kib"),
            });
        } else if metadata.target() == ANSWERED {
            let answer = Some(String::new());
            seen.close();
            seen.calls.push(HostCall { call: fields.message().to_owned(), answer });
        } else if let Some(span) = context.event_span(event)
            && let Some(Function(name)) = span.extensions().get()
        {
            match fields.message() {
                "call" => {
                    let arguments: Vec<String> =
                        fields.others().map(|value| wave::of_debug(value)).collect();
                    let call = format!("{name}({})", arguments.join(", "));
                    seen.close();
                    seen.open = Some(HostCall { call, answer: None });
                }
                _ => {
                    // The host's own result is around that of the contract.
                    let answer = fields.value("result").strip_prefix("Ok(");
                    if let Some(call) = &mut seen.open {
                        call.answer = answer.map(|answer| match answer.strip_suffix(')') {
                            Some(whole) => wave::of_debug(whole),
                            None => {
                                let end = answer.floor_char_boundary(CUT);
                                format!("{}...", wave::of_debug(&answer[..end]))
                            }
                        });
                    }
                    seen.close();
                }
            }
        } else if *metadata.level() <= Level::WARN {
            seen.warnings.push(fields.message().to_owned());
        }
    }
}

/// Fields of an event in their order.
#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    fn message(&self) -> &str {
        self.value("message")
    }

    fn others(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|(name, _)| *name != "message").map(|(_, value)| value)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut short = Short(String::new());
        if write!(short, "{value:?}").is_err() {
            short.0.push_str("...");
        }
        self.0.push((field.name(), short.0));
    }
}

/// Ends formatting when there is enough.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN.saturating_sub(self.0.len());
        if text.len() > room {
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
