//! Figures for the monitoring, in Prometheus' text format.

use std::fmt::Write as _;

use hyper::StatusCode;

use super::Pages;
use super::asked::NoPage;
use super::reply::{self, Reply};
use crate::spool::{Figure, State};

/// The figures of now. Names and labels are a promise (`docs/pages.md`); no
/// label holds an address or a sender.
pub async fn page(pages: &Pages) -> Result<Reply, NoPage> {
    let figures = pages.queue.figures().await?;
    let paused = pages.queue.paused().await?;
    let mut text = String::new();
    let mut family = |name: &str, help: &str, lines: &mut dyn FnMut(&mut String)| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        lines(&mut text);
    };
    family("afterimage_deliveries", "Deliveries in the ledger by action and state.", &mut |text| {
        for Figure { action, state, count, .. } in &figures {
            let _ = writeln!(
                text,
                "afterimage_deliveries{{action=\"{}\",state=\"{state}\"}} {count}",
                label(action)
            );
        }
    });
    family("afterimage_queue_depth", "Deliveries by state.", &mut |text| {
        for state in State::ALL {
            let count: u64 = of(&figures, state).map(|figure| figure.count).sum();
            let _ = writeln!(text, "afterimage_queue_depth{{state=\"{state}\"}} {count}");
        }
    });
    family("afterimage_queue_age_seconds", "Age of the oldest upload by state.", &mut |text| {
        for state in State::ALL.into_iter().filter(|state| *state != State::Delivered) {
            let oldest = of(&figures, state).map(|figure| figure.oldest).min();
            let age = oldest.and_then(|oldest| oldest.elapsed().ok());
            let seconds = age.unwrap_or_default().as_secs();
            let _ = writeln!(text, "afterimage_queue_age_seconds{{state=\"{state}\"}} {seconds}");
        }
    });
    family("afterimage_attempts", "Attempts of the deliveries in the ledger.", &mut |text| {
        let attempts: u64 = figures.iter().map(|figure| figure.attempts).sum();
        let _ = writeln!(text, "afterimage_attempts {attempts}");
    });
    family("afterimage_action_paused", "1 for an action that is paused.", &mut |text| {
        for action in &paused {
            let name = label(&action.action);
            let _ = writeln!(text, "afterimage_action_paused{{action=\"{name}\"}} 1");
        }
    });
    let body = reply::full(text);
    Ok(reply::made("text/plain; version=0.0.4; charset=utf-8", body))
}

/// Whether uploads can be taken: the ledger answers.
pub async fn ready(pages: &Pages) -> Result<Reply, NoPage> {
    match pages.queue.changes().await {
        Ok(_) => Ok(reply::text(StatusCode::OK, "ready\n")),
        Err(error) => {
            Ok(reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")))
        }
    }
}

fn of(figures: &[Figure], state: State) -> impl Iterator<Item = &Figure> {
    figures.iter().filter(move |figure| figure.state == state)
}

fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
