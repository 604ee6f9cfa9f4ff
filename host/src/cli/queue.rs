//! `afterimage queue`: what is on its way, and an operator's word on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use super::print;
use crate::spool::{self, Adopted, Entry, PausedAction, Retried};
use crate::text;

/// Longest reason in a table, in characters.
const REASON: usize = 60;

/// Longest cell of a table, in characters.
const CELL: usize = 254;

/// See and change what is on its way. Works while the server runs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration of the server [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is not delivered yet
    List {
        /// Also what is delivered, as long as receipts are kept
        #[arg(long)]
        all: bool,
    },
    /// Everything about one delivery
    Show {
        /// Number in the list, or id
        delivery: String,
    },
    /// Try again now
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Retry {
        /// Number in the list, or id
        #[arg(group = "which")]
        delivery: Vec<String>,
        /// Everything that waits, was rejected or is parked
        #[arg(long, group = "which")]
        all: bool,
    },
    /// Give deliveries up; their files go with the last delivery of an upload
    Drop {
        /// Number in the list, or id
        #[arg(required = true)]
        delivery: Vec<String>,
    },
    /// Put uploads back into the queue that its ledger has lost
    #[command(
        long_about = "Put uploads back into the queue that its ledger has lost: what lies in \
        lost+found/ of the spool, and with the server stopped everything that a ledger must know \
        that is lost or damaged. Nothing that a receipt shows as delivered"
    )]
    Adopt {
        /// Names in lost+found/ [default: all]
        upload: Vec<String>,
    },
    /// Copy the files of an upload out of the spool
    Export {
        /// Number in the list, or id
        delivery: String,
        /// Where to; nothing there is replaced
        folder: PathBuf,
    },
}

/// Does what `arguments` say with the queue of `spool`.
pub(super) fn run(arguments: &Arguments, spool: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(act(arguments, spool))
}

async fn act(arguments: &Arguments, spool: &Path) -> anyhow::Result<()> {
    if let Command::Adopt { upload } = &arguments.command {
        let adopted = spool::adopt(spool, upload.clone()).await?;
        return match arguments.json {
            true => print(&to_json(&serde_json::json!({ "adopted": adopted }))),
            false => print(&adoption(&adopted)),
        };
    }
    let queue = spool::queue(spool).await?;
    let json = arguments.json;
    match &arguments.command {
        Command::List { all } => {
            let (entries, paused) = (queue.list(*all).await?, queue.paused().await?);
            match json {
                true => print(&to_json(&serde_json::json!({
                    "deliveries": entries,
                    "paused": paused,
                }))),
                false => print(&table(&entries, &paused)),
            }
        }
        Command::Show { delivery } => {
            let entry = queue.show(delivery).await?;
            match json {
                true => print(&to_json(&entry)),
                false => print(&sheet(&entry)),
            }
        }
        Command::Retry { all: true, .. } => {
            let retried = queue.retry_all().await?;
            say(json, "retried", retried, &format!("{retried} deliveries are tried again"))
        }
        Command::Retry { delivery, .. } => {
            for name in delivery {
                let Retried { number, behind } = queue.retry(name).await?;
                let turn = match behind {
                    0 => String::new(),
                    _ => format!(" after {behind} that came before it; --all tries those now, too"),
                };
                say(json, "retried", number, &format!("{number} is tried again{turn}"))?;
            }
            Ok(())
        }
        Command::Drop { delivery } => {
            for name in delivery {
                let dropped = queue.give_up(name).await?;
                let files = if dropped.with_files { ", with its files" } else { "" };
                let words = format!("{} is given up{files}", dropped.number);
                say(json, "dropped", dropped.number, &words)?;
            }
            Ok(())
        }
        Command::Adopt { .. } => unreachable!("done above"),
        Command::Export { delivery, folder } => {
            let copies = queue.export(delivery, folder).await?;
            let names: Vec<String> = copies.iter().map(|path| path.display().to_string()).collect();
            match json {
                true => print(&to_json(&serde_json::json!({ "exported": names }))),
                false => print(&names.join("\n")),
            }
        }
    }
}

/// A line for each thing that lay in `lost+found/`.
fn adoption(adopted: &[Adopted]) -> String {
    if adopted.is_empty() {
        return "nothing was lost".to_owned();
    }
    let mut text = String::new();
    for Adopted { place, sender, files, deliveries, left } in adopted {
        let numbers: Vec<String> = deliveries.iter().map(i64::to_string).collect();
        let sender = sender.as_deref().map(|sender| format!(" of {}", text::clean(sender)));
        let sender = sender.unwrap_or_default();
        if !numbers.is_empty() {
            let (files, numbers) = (files.join(" "), numbers.join(", "));
            let _ = writeln!(text, "{files}{sender}: in the queue again as {numbers}");
        }
        for words in left {
            let _ =
                writeln!(text, "{}{sender}: stays there: {}", place.display(), text::clean(words));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn say(
    json: bool,
    what: &str,
    value: impl Into<serde_json::Value>,
    words: &str,
) -> anyhow::Result<()> {
    match json {
        true => print(&serde_json::json!({ what: value.into() }).to_string()),
        false => print(words),
    }
}

fn table(entries: &[Entry], paused: &[PausedAction]) -> String {
    let mut table = String::new();
    for PausedAction { action, since, reason, next_probe } in paused {
        let _ = writeln!(
            table,
            "action {action} is PAUSED since {since}: {}\n  next probe {}; to go on now: afterimage queue retry --all\n",
            text::clipped(reason, REASON),
            relative(next_probe),
        );
    }
    if entries.is_empty() {
        table.push_str("nothing is waiting");
        return table;
    }
    let rows: Vec<[String; 8]> = entries
        .iter()
        .map(|entry| {
            let next = match &entry.next_attempt {
                Some(_) if entry.paused => "paused".to_owned(),
                Some(next) => relative(next),
                None => "-".to_owned(),
            };
            let words = entry.receipt.as_ref().or(entry.reason.as_ref());
            [
                entry.number.to_string(),
                entry.state.to_string(),
                entry.action.clone(),
                entry.sender.clone(),
                entry.files.len().to_string(),
                entry.attempt.to_string(),
                next,
                words.map_or_else(String::new, |words| text::clipped(words, REASON)),
            ]
            .map(|cell| text::clipped(&cell, CELL))
        })
        .collect();
    let heads = ["NO", "STATE", "ACTION", "FROM", "FILES", "ATTEMPT", "NEXT", "REASON"];
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heads[column].len()]).max().unwrap_or(0)
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        let _ = writeln!(table, "{}", padded.join("  ").trim_end());
    };
    line(&mut heads.into_iter());
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
    table.truncate(table.trim_end().len());
    table
}

fn sheet(entry: &Entry) -> String {
    let mut sheet = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(sheet, "{name:<13}{}", text::clean(value));
        }
    };
    line("delivery", &format!("{} ({})", entry.number, entry.id));
    line("state", entry.state.word());
    line("action", &entry.action);
    if entry.paused {
        line("", "this action is paused");
    }
    line("attempt", &entry.attempt.to_string());
    if let Some(next) = &entry.next_attempt {
        line("next attempt", &format!("{next} ({})", relative(next)));
    }
    line("reason", entry.reason.as_deref().unwrap_or_default());
    line("receipt", entry.receipt.as_deref().unwrap_or_default());
    for link in &entry.links {
        line("link", link);
    }
    line("ended", entry.ended.as_deref().unwrap_or_default());
    line("upload", &entry.upload);
    line("received", &entry.received);
    line("through", &entry.origin);
    line("from", &entry.sender);
    line("to", &entry.recipients.join(", "));
    line("subject", &entry.subject);
    line("text", &entry.body);
    for file in &entry.files {
        line("file", &format!("{}  {} bytes  {}", file.name, file.size, file.sha256));
    }
    if !entry.has_files {
        line("", "the files were removed after delivery");
    }
    sheet.trim_end().to_owned()
}

/// `in 5m 3s`, or `now`.
fn relative(rfc3339: &str) -> String {
    let wait = humantime::parse_rfc3339(rfc3339)
        .ok()
        .and_then(|time| time.duration_since(SystemTime::now()).ok())
        .map_or(0, |wait| wait.as_secs());
    match wait {
        0 => "now".to_owned(),
        seconds => format!("in {}", humantime::format_duration(Duration::from_secs(seconds))),
    }
}

fn to_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("texts and numbers are JSON");
    // What acts on a terminal stands in texts only, where it may be escaped.
    json.chars().fold(String::with_capacity(json.len()), |mut escaped, c| {
        if c != '\n' && text::is_unprintable(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
        escaped
    })
}
