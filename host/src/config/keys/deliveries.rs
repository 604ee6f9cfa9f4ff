//! The keys about deliveries: when they are tried again, what is kept.

use serde_json::Value as Json;

use super::{Change, Key};
use crate::values;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "RETRY_DELAYS",
        default: "up to an hour",
        doc: "waiting times before the attempts of a delivery; the last one repeats: [docs/delivery.md](docs/delivery.md)",
        example: "[\"0 s\", \"30 s\", \"1 h\"]",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let delays = value.texts()?;
            if delays.is_empty() {
                return Err("it is empty".to_owned());
            }
            draft.deliveries.retry_delays =
                delays.iter().map(|delay| values::duration(delay)).collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "RETRY_FOR",
        default: "`\"5 days\"`",
        doc: "waiting time of all attempts after which a delivery is kept for you",
        example: "\"5 days\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.deliveries.retry_for = value.duration()?;
            Ok(())
        },
    },
    Key {
        name: "COLLECT_TIMEOUT",
        default: "`\"10 min\"`",
        doc: "how long a post of several photos waits for the next",
        example: "\"10 min\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.deliveries.collect_timeout = value.duration()?;
            Ok(())
        },
    },
    Key {
        name: "REPEAT_WINDOW",
        default: "`\"10 min\"`",
        doc: "how long the same upload is taken for a repeat after a lost answer",
        example: "\"10 min\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.deliveries.repeat_window = value.duration()?;
            Ok(())
        },
    },
    Key {
        name: "MAX_QUEUE",
        default: "100000",
        doc: "deliveries that may wait, at which uploads are refused",
        example: "100000",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let most = value.number(1..=u64::MAX)?;
            draft.deliveries.max_queue = usize::try_from(most).unwrap_or(usize::MAX);
            Ok(())
        },
    },
    Key {
        name: "STOP_TIMEOUT",
        default: "`\"20 s\"`",
        doc: "how long a stop waits for what is under way",
        example: "\"20 s\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.deliveries.stop_timeout = value.duration()?;
            Ok(())
        },
    },
    Key {
        name: "KEEP_DELIVERED",
        default: "`{ RECEIPTS = \"30 days\", FILES = \"0 s\" }`",
        doc: "what is kept of delivered uploads, and for how long",
        example: "{ RECEIPTS = \"30 days\", FILES = \"0 s\" }",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            let Json::Object(table) = value.json()? else {
                return Err(value.needs("a table of RECEIPTS and FILES"));
            };
            for (name, time) in &table {
                let time =
                    time.as_str().ok_or_else(|| format!("{name}: {time} is no time in quotes"));
                let time = values::duration(time?).map_err(|error| format!("{name}: {error}"))?;
                match name.as_str() {
                    "RECEIPTS" => draft.deliveries.keep_receipts = time,
                    "FILES" => draft.deliveries.keep_files = time,
                    _ => return Err(format!("{name} is unknown; known are RECEIPTS and FILES")),
                }
            }
            Ok(())
        },
    },
];
