//! Delivers what the spool holds, at least once, until it is delivered,
//! rejected or parked.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::clock::Clock;
use super::retry::{FAILURES_TO_PAUSE, Failed, Next, OFFLINE, Retry};
use super::settings::Settings;
use super::words;
use crate::action_name::ActionName;
use crate::contract::uploads;
use crate::plugin::{Actions, DeliverError};
use crate::spool::{Claim, Outcome, Recorded, Spool, SpoolError};
use crate::upload::Delivery;

/// Calls of actions at once. Each may take its whole memory limit.
const CALLS: usize = 4;

/// How often to look whether an operator changed the queue or the clock jumped.
const LOOK: Duration = Duration::from_secs(1);

/// How often to remove what was kept for long enough.
const CLEAN: Duration = Duration::from_secs(60 * 60);

/// Pause before the ledger is asked again that did not answer.
const LEDGER_FAILED: Duration = Duration::from_millis(500);

/// Longest text of a failure that is kept, in bytes.
const LONGEST_REASON: usize = 2 << 10;

/// What delivers.
pub struct Engine {
    spool: Arc<dyn Spool>,
    actions: Arc<Actions>,
    settings: Settings,
    retry: Retry,
    /// Failures in a row of each action.
    failures: Mutex<HashMap<ActionName, u32>>,
    wake: Arc<Notify>,
}

impl Engine {
    /// An engine for what is in `spool`. `wake` is notified of new uploads.
    pub fn new(
        spool: Arc<dyn Spool>,
        actions: Arc<Actions>,
        settings: Settings,
        wake: Arc<Notify>,
    ) -> Self {
        let retry = Retry::new(&settings);
        Self { spool, actions, settings, retry, failures: Mutex::default(), wake }
    }

    /// Takes up what an earlier run left.
    ///
    /// # Errors
    /// The disk's.
    pub async fn recover(&self) -> Result<(), SpoolError> {
        let names = self.actions.names().iter().map(ToString::to_string).collect();
        for action in self.spool.recover(names).await? {
            tracing::error!(
                "uploads wait for the action {action}, which config.toml has no more; map \
                 something to it in [ACTIONS], then: afterimage queue retry"
            );
        }
        Ok(())
    }

    /// Delivers until `stop` says so, and then ends what is under way.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut calls = JoinSet::new();
        let mut clock = Clock::new(SystemTime::now(), Instant::now());
        let mut look = tokio::time::interval(LOOK);
        let mut clean = tokio::time::interval(CLEAN);
        // What goes on failing is said once.
        let mut said = String::new();
        while !*stop.borrow() {
            // Before anything is thought due: a clock that jumped would make
            // everything that waits due at once.
            self.follow(&mut clock).await;
            let due = match self.start_due(&mut calls).await {
                Ok(due) => {
                    said.clear();
                    due
                }
                Err(error) => {
                    let words = error.to_string();
                    if words != said {
                        tracing::error!("cannot go on delivering: {words}");
                        said = words;
                    }
                    Some(LEDGER_FAILED)
                }
            };
            let due = async {
                match due {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => pending().await,
                }
            };
            tokio::pin!(due);
            loop {
                tokio::select! {
                    () = &mut due => break,
                    () = self.wake.notified() => break,
                    Some(ended) = calls.join_next() => {
                        if let Err(error) = ended {
                            tracing::error!("a delivery ended with {error}");
                        }
                        break;
                    }
                    _ = stop.changed() => break,
                    _ = clean.tick() => self.clean().await,
                    _ = look.tick() => {
                        if self.follow(&mut clock).await || self.is_changed().await {
                            break;
                        }
                    }
                }
            }
        }
        while calls.join_next().await.is_some() {}
    }

    /// Starts what is due, as far as there are places; how long until the next
    /// is due.
    async fn start_due(
        self: &Arc<Self>,
        calls: &mut JoinSet<()>,
    ) -> Result<Option<Duration>, SpoolError> {
        let due = self.spool.claim(CALLS - calls.len()).await?;
        for claim in due.claims {
            let engine = self.clone();
            calls.spawn(async move { engine.deliver(claim).await });
        }
        Ok(due.next.map(|due| due.duration_since(SystemTime::now()).unwrap_or_default()))
    }

    /// Moves what waits along with the system's clock; whether that jumped.
    async fn follow(&self, clock: &mut Clock) -> bool {
        let jumped = clock.jumped(SystemTime::now(), Instant::now());
        if let Some(milliseconds) = jumped {
            tracing::warn!("the clock jumped by {} s; waits stay as they are", milliseconds / 1000);
            if let Err(error) = self.spool.shift(milliseconds).await {
                tracing::error!("{error}");
            }
        }
        jumped.is_some()
    }

    /// Whether an operator changed the queue.
    async fn is_changed(&self) -> bool {
        self.spool.is_changed().await.unwrap_or_else(|error| {
            tracing::error!("{error}");
            false
        })
    }

    async fn clean(&self) {
        let Settings { keep_files, keep_receipts, .. } = self.settings;
        if let Err(error) = self.spool.clean(keep_files, keep_receipts).await {
            tracing::error!("cannot remove what is delivered: {error}");
        }
    }

    async fn deliver(&self, claim: Claim) {
        let name = &claim.delivery.action;
        let answer = self.call(&claim.delivery).await;
        let (outcome, pause) = match answer {
            Ok(receipt) => {
                (Outcome::Delivered { summary: receipt.summary, links: receipt.links }, None)
            }
            Err(Trouble::Rejected(reason)) => (Outcome::Rejected { reason }, None),
            Err(Trouble::Offline(reason)) => (Outcome::Offline { reason, wait: OFFLINE }, None),
            Err(Trouble::Failed { reason, trapped, advice }) => {
                self.failed(&claim, reason, trapped, advice).await
            }
        };
        if outcome.is_answer() {
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
        let Some(recorded) = self.record(&claim, &outcome, pause).await else { return };
        tell(&claim, &outcome);
        if recorded.paused {
            tracing::error!(
                "action {name} is paused after {FAILURES_TO_PAUSE} failures in a row; one upload \
                 at a time is tried now and then; to go on at once: afterimage queue retry --all"
            );
        }
        if recorded.resumed {
            tracing::warn!(action = %name, "action {name} works again; no longer paused");
        }
        if matches!(outcome, Outcome::Delivered { .. })
            && let Err(error) = self.spool.remove(&claim, recorded.finished).await
        {
            tracing::error!("cannot remove what is delivered: {error}");
        }
    }

    /// One attempt.
    async fn call(&self, delivery: &Delivery) -> Result<uploads::Receipt, Trouble> {
        let name = &delivery.action;
        let Some(action) = self.actions.find(name) else {
            return Err(Trouble::Rejected(format!("config.toml has no action {name}")));
        };
        let copy = self.spool.open(&delivery.upload).await?;
        let delivery = Arc::new(Delivery { copy, ..delivery.clone() });
        Ok(action.deliver(&delivery).await?)
    }

    /// What follows from a failed attempt, for the delivery and for its action.
    async fn failed(
        &self,
        claim: &Claim,
        reason: String,
        trapped: bool,
        advice: Option<Duration>,
    ) -> (Outcome, Option<(String, Duration)>) {
        let name = &claim.delivery.action;
        let failures = claim.failures + 1;
        let next = self.retry.after(&Failed {
            delivery: &claim.delivery.id,
            failures: claim.failures,
            traps: claim.traps,
            waited: claim.waited,
            trapped,
            advice,
            in_session: claim.delivery.upload.origin.is_of_a_session(),
        });
        let outcome = match next {
            Next::Again { wait, traps, holds } => {
                Outcome::Again { reason: reason.clone(), wait, failures, traps, holds }
            }
            Next::Park => Outcome::Parked { reason: reason.clone(), failures },
        };
        let in_a_row = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let failures = failures.entry(name.clone()).or_default();
            *failures = failures.saturating_add(1);
            *failures
        };
        let action = name.to_string();
        let pause = match self.spool.paused(&action).await {
            Ok(Some(pause)) => Some((reason, self.retry.probe(&action, pause.probes + 1))),
            Ok(None) if in_a_row >= FAILURES_TO_PAUSE => {
                Some((reason, self.retry.probe(&action, 0)))
            }
            _ => None,
        };
        (outcome, pause)
    }

    /// Writes down what became of a delivery, however long the disk refuses:
    /// what is not written down would be delivered again. None when the ledger
    /// is closed.
    async fn record(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        pause: Option<(String, Duration)>,
    ) -> Option<Recorded> {
        let keep = self.settings.keep_files;
        loop {
            match self.spool.record(claim, outcome.clone(), pause.clone(), keep).await {
                Ok(recorded) => return Some(recorded),
                Err(SpoolError::Closed) => return None,
                Err(SpoolError::TakenOver) => {
                    let number = claim.number;
                    tracing::warn!(
                        number,
                        "what became of it here is not written down: it was taken over meanwhile"
                    );
                    return None;
                }
                Err(error) => {
                    let number = claim.number;
                    tracing::error!(number, "cannot write down what became of it: {error}");
                    tokio::time::sleep(LEDGER_FAILED).await;
                }
            }
        }
    }
}

/// Tells the operator what became of an attempt, once it is written down.
fn tell(claim: &Claim, outcome: &Outcome) {
    let number = claim.number;
    let Delivery { attempt, action, upload, .. } = &claim.delivery;
    let (sender, files) = (&upload.sender, words::names(&upload.files));
    match outcome {
        Outcome::Delivered { summary, links } => tracing::info!(
            number, %action, sender, files, ?links, "delivered: {summary}"
        ),
        Outcome::Rejected { reason } => tracing::error!(
            number,
            sender,
            files,
            attempt,
            "action {action} rejected an upload that the camera was told is sent: {reason}; what is \
             kept of it: afterimage queue show {number}"
        ),
        Outcome::Again { reason, wait, .. } => tracing::warn!(
            number,
            sender,
            files,
            attempt,
            "action {action} failed: {reason}; next attempt in {:.0} s",
            wait.as_secs_f64()
        ),
        Outcome::Offline { reason, .. } => {
            tracing::warn!(
                number,
                sender,
                files,
                "action {action} waits, the network is down: {reason}"
            )
        }
        Outcome::Parked { reason, .. } => tracing::error!(
            number,
            sender,
            files,
            attempt,
            "action {action} failed: {reason}; parked, its attempts are used up; to try again: \
             afterimage queue retry {number}"
        ),
    }
}

enum Trouble {
    Rejected(String),
    Offline(String),
    Failed { reason: String, trapped: bool, advice: Option<Duration> },
}

impl From<SpoolError> for Trouble {
    fn from(error: SpoolError) -> Self {
        let reason = error.to_string();
        match error {
            SpoolError::Gone(_) => Self::Rejected(reason),
            _ => Self::Failed { reason, trapped: false, advice: None },
        }
    }
}

impl From<DeliverError> for Trouble {
    fn from(error: DeliverError) -> Self {
        match error {
            DeliverError::Rejected(rejection) => Self::Rejected(rejection.message),
            DeliverError::Offline(advice) => Self::Offline(shorten(advice.reason)),
            DeliverError::Retry(advice) => Self::Failed {
                reason: shorten(advice.reason),
                trapped: false,
                advice: advice.after_seconds.map(|s| Duration::from_secs(s.into())),
            },
            DeliverError::Failed(failure) => {
                Self::Failed { reason: shorten(failure.to_string()), trapped: true, advice: None }
            }
        }
    }
}

/// A guest's words, bounded and without what acts on a terminal.
fn shorten(reason: String) -> String {
    let end = reason.floor_char_boundary(LONGEST_REASON);
    reason[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
