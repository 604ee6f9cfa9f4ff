//! What every spool must keep, whatever it is kept in: a library of tests, each
//! a promise. A spool proves itself by a [`Bench`] and the macro
//! `conformance!`, which makes a test of each.

mod deliveries;
mod operators;
mod uploads;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

pub(super) use deliveries::*;
pub(super) use operators::*;
pub(super) use uploads::*;

use super::{Accepted, Claim, Lease, Outcome, Planned, Queue, Repeats, Spool, Wait};
use crate::action_name::ActionName;
use crate::upload::{Origin, Upload};

/// A spool to be tested.
#[async_trait]
pub(super) trait Bench: Send + Sync {
    /// Opens the spool, with what it held when the one before was dropped, and
    /// takes up what that one left. The one before may have been dropped at any
    /// point.
    async fn open(&self) -> Arc<dyn Spool>;

    /// The queue, as an operator sees it beside the server.
    async fn queue(&self) -> Box<dyn Queue>;
}

/// Makes a test of each promise for the bench that an expression makes.
macro_rules! conformance {
    ($bench:expr; $($promise:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            crate::spool::conformance::$promise(&$bench).await;
        }
    )+};
}
pub(super) use conformance;

const AT_ONCE: Wait = Wait::Attempt(Duration::ZERO);
const HOUR: Duration = Duration::from_secs(3600);
const WINDOW: Duration = HOUR;

/// An upload that is about to be accepted.
struct Draft {
    upload: Upload,
    lease: Lease,
}

impl Draft {
    /// A mail of `sender` with this text and a file with these bytes.
    async fn mail(spool: &dyn Spool, sender: &str, text: &str, bytes: &[u8]) -> Self {
        Self::new(spool, Origin::Email, sender, text, bytes).await
    }

    /// A photo of a post.
    async fn photo(spool: &dyn Spool, session: &str, text: &str, bytes: &[u8]) -> Self {
        let origin = Origin::Social { service: "facebook".to_owned(), session: session.to_owned() };
        Self::new(spool, origin, "a@example.org", text, bytes).await
    }

    async fn new(
        spool: &dyn Spool,
        origin: Origin,
        sender: &str,
        text: &str,
        bytes: &[u8],
    ) -> Self {
        let mut lease = spool.begin().unwrap();
        let mut file = lease.create_file("SAM_0001.JPG", "image/jpeg".to_owned()).unwrap();
        for chunk in bytes.chunks(64 << 10) {
            file.append(chunk).await.unwrap();
        }
        lease.finish_file(file).await.unwrap();
        let upload = Upload {
            id: lease.id().to_owned(),
            origin,
            sender: sender.to_owned(),
            recipients: vec!["b@example.org".to_owned()],
            subject: "Subject".to_owned(),
            body: text.to_owned(),
            camera: Some("NX300".to_owned()),
            received_at: SystemTime::now(),
            files: lease.files().to_vec(),
            attributes: vec![("date".to_owned(), "2014-06-01".to_owned())],
        };
        Self { upload, lease }
    }

    /// Accepts it for `action`, whose delivery is called `id`.
    async fn accept(self, spool: &dyn Spool, id: &str, action: &str, wait: Wait) -> Accepted {
        spool
            .accept(&self.upload, self.lease, planned(id, action, wait), Repeats::Upload(WINDOW))
            .await
            .unwrap()
    }
}

fn planned(id: &str, action: &str, wait: Wait) -> Vec<Planned> {
    let action = ActionName::parse(action);
    let recipients = vec!["b@example.org".to_owned()];
    let folders = Some("2014/06".to_owned());
    vec![Planned { id: id.to_owned(), action, recipients, folders, wait }]
}

/// Accepts a mail whose delivery has its text as id.
async fn mail(spool: &dyn Spool, sender: &str, action: &str, id: &str) {
    let draft = Draft::mail(spool, sender, id, id.as_bytes()).await;
    assert_eq!(draft.accept(spool, id, action, AT_ONCE).await, Accepted::New);
}

/// Takes what can go, at most so many.
async fn claim(spool: &dyn Spool, places: usize) -> Vec<Claim> {
    spool.claim(places).await.unwrap().claims
}

fn ids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.delivery.id.as_str()).collect()
}

/// The bytes of the files of a claim.
async fn bytes(spool: &dyn Spool, claim: &Claim) -> Vec<Vec<u8>> {
    let upload = &claim.delivery.upload;
    let copy = spool.open(upload).await.unwrap();
    upload.files.iter().map(|file| std::fs::read(copy.path(file)).unwrap()).collect()
}

fn delivered() -> Outcome {
    Outcome::Delivered { summary: "done".to_owned(), links: vec!["https://x".to_owned()] }
}

fn again(wait: Duration, holds: bool) -> Outcome {
    Outcome::Again { reason: "full".to_owned(), wait, failures: 1, traps: 0, holds }
}

async fn record(spool: &dyn Spool, claim: &Claim, outcome: Outcome) {
    let is_delivered = matches!(outcome, Outcome::Delivered { .. });
    let recorded = spool.record(claim, outcome, None, Duration::ZERO).await.unwrap();
    if is_delivered {
        spool.remove(claim, recorded.finished).await.unwrap();
    }
}

/// Polls `work` so many times and gives it up; whether it ended before.
async fn given_up_after(polls: usize, work: impl Future) -> bool {
    let mut work = pin!(work);
    for _ in 0..polls {
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        // What it waits for goes on.
        tokio::task::yield_now().await;
    }
    false
}
