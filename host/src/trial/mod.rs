//! The author's bench: an action run by hand, `check`, then `deliver`, with the
//! server's own runtime and limits, seen ([`trace`]) or answered by a test case
//! ([`script`], [`exchange`]). The server itself has nothing of this.

use std::fmt::Debug;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use crate::action_name::ActionName;
use crate::capability::Facilities;
use crate::component::LoadError;
use crate::plugin::call::State;
use crate::plugin::loader::StandIn;
use crate::plugin::{Action, CheckError, DeliverError, Loader, Setup};
use crate::upload::Delivery;

pub mod exchange;
pub mod folded;
pub mod script;
pub mod trace;
mod wave;

use script::Script;

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
    /// Loads the action of this name. With a `script`, what it asks for beyond
    /// the free interfaces is answered from there, and needs no grant.
    ///
    /// # Errors
    /// Why it cannot run.
    pub async fn load(
        loader: &Loader,
        name: &ActionName,
        setup: &Setup,
        facilities: &Arc<Facilities>,
        script: Option<&Arc<Script>>,
    ) -> Result<Self, LoadError> {
        let stand_in = script.map(|script| {
            |linker: &mut Linker<State>, component: &Component| script.link(linker, component)
        });
        let stand_in = stand_in.as_ref().map(|stand_in| stand_in as &StandIn<'_>);
        let (action, component) = loader.single(name, setup, facilities, stand_in).await?;
        Ok(Self { action, component })
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
