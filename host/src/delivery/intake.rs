//! Where the camera side ends: an upload is checked, made durable, and
//! delivered while the camera waits.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::routes;
use crate::camera::{self, Refused};
use crate::config::Rules;
use crate::contract::uploads::RejectionReason;
use crate::current::Current;
use crate::plugin::{Action, Actions, CheckError, DeliverError};
use crate::spool::{Incoming, Spool};
use crate::upload::{Delivery, Upload};

/// Calls of actions at once. Each may take its whole memory limit.
const CALLS: usize = 4;

/// Accepts uploads for the actions of a server.
pub struct Intake {
    spool: Spool,
    rules: Arc<Current<Rules>>,
    actions: Arc<Actions>,
    calls: Semaphore,
}

impl Intake {
    /// Accepts uploads into `spool`, by `rules`, for `actions`, which must
    /// hold every action that the rules lead to.
    pub fn new(spool: Spool, rules: Arc<Current<Rules>>, actions: Arc<Actions>) -> Self {
        Self { spool, rules, actions, calls: Semaphore::new(CALLS) }
    }
}

impl camera::Intake for Intake {
    async fn begin(&self) -> std::io::Result<Incoming> {
        self.spool.begin().await
    }

    fn sender(&self, sender: &str) -> Option<String> {
        self.rules.now().senders.iter().find(|known| known.eq_ignore_ascii_case(sender)).cloned()
    }

    async fn accept(&self, upload: Upload, incoming: Incoming) -> Result<(), Refused> {
        let upload = Arc::new(upload);
        let deliveries: Vec<(Arc<Action>, Delivery)> =
            routes::actions(&self.rules.now().routes, &upload)?
                .into_iter()
                .map(|(action, recipients)| {
                    let id = uuid::Uuid::now_v7().to_string();
                    let notes = incoming.notes(&id);
                    let delivery = Delivery {
                        id,
                        attempt: 0,
                        action: action.clone(),
                        upload: upload.clone(),
                        recipients,
                        folder: incoming.files_folder(),
                        notes,
                    };
                    (
                        self.actions.find(&action).expect("rules only lead to what is loaded"),
                        delivery,
                    )
                })
                .collect();

        let _place = self.calls.acquire().await.expect("the semaphore is never closed");
        let mut checked = Vec::new();
        for (action, delivery) in deliveries {
            let draft = Arc::new(delivery);
            action.check(&draft).await.map_err(|error| match error {
                CheckError::Rejected(rejection) => rejected(&action, rejection),
                CheckError::Failed(failure) => failed(&action, failure.to_string()),
            })?;
            let delivery = Arc::into_inner(draft).expect("the call that shared it has ended");
            checked.push((action, Arc::new(Delivery { attempt: 1, ..delivery })));
        }
        incoming.sync().await.map_err(|error| Refused::Disk(error.to_string()))?;

        for (action, delivery) in checked {
            let receipt = action.deliver(&delivery).await.map_err(|error| match error {
                DeliverError::Rejected(rejection) => rejected(&action, rejection),
                DeliverError::Retry(advice) => failed(&action, advice.reason),
                DeliverError::Failed(failure) => failed(&action, failure.to_string()),
            })?;
            tracing::info!(
                action = %action.name,
                sender = upload.sender,
                links = ?receipt.links,
                "delivered: {}",
                receipt.summary
            );
        }
        Ok(())
    }
}

fn rejected(action: &Action, rejection: crate::contract::uploads::Rejection) -> Refused {
    Refused::Rejected {
        action: action.name.to_string(),
        unauthorized: rejection.reason == RejectionReason::Unauthorized,
        message: rejection.message,
    }
}

fn failed(action: &Action, reason: String) -> Refused {
    Refused::Failed { action: action.name.to_string(), reason }
}
