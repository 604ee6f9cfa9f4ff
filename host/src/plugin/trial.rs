//! An action run by hand: `check`, then `deliver`, with the server's own
//! runtime and limits.

use std::fmt::Debug;
use std::sync::Arc;

use wasmtime::component::Component;

use super::call::{Action, CheckError, DeliverError};
use super::{script, wave};
use crate::upload::Delivery;

/// An action to be run by hand.
pub struct Trial {
    action: Action,
    component: Component,
}

/// How one call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, in WAVE, and what it answered is good.
    Good(String),
    /// It answered, in WAVE: a rejection, or a request to try again.
    Refused(String),
    /// It trapped or was ended.
    Failed(String),
}

impl Trial {
    pub(super) fn new(action: Action, component: Component) -> Self {
        Self { action, component }
    }

    /// Calls `check`.
    pub async fn check(&self, draft: &Arc<Delivery>) -> Outcome {
        match self.action.check(draft).await {
            Ok(files) => Outcome::Good(format!("ok({files})")),
            Err(CheckError::Rejected(rejection)) => refused(&Err::<(), _>(rejection)),
            Err(CheckError::Failed(failure)) => Outcome::Failed(failure.to_string()),
        }
    }

    /// Calls `deliver`.
    pub async fn deliver(&self, delivery: &Arc<Delivery>) -> Outcome {
        use crate::contract::uploads::Failure;

        match self.action.deliver(delivery).await {
            Ok(receipt) => Outcome::Good(wave::of_debug(&format!("{:?}", Ok::<_, ()>(receipt)))),
            Err(DeliverError::Retry(advice) | DeliverError::Offline(advice)) => {
                refused(&Err::<(), _>(Failure::Retry(advice)))
            }
            Err(DeliverError::Rejected(rejection)) => {
                refused(&Err::<(), _>(Failure::Reject(rejection)))
            }
            Err(DeliverError::Failed(failure)) => Outcome::Failed(failure.to_string()),
        }
    }

    /// Whether two texts in WAVE are the same answer of `function`.
    pub fn same_answer(&self, function: &str, a: &str, b: &str) -> bool {
        script::same_result(&self.component, function, a, b)
    }
}

fn refused(answer: &impl Debug) -> Outcome {
    Outcome::Refused(wave::of_debug(&format!("{answer:?}")))
}
