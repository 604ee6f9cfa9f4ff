//! Which actions an upload goes to.

use std::collections::{BTreeMap, HashMap};

use crate::action_name::ActionName;
use crate::camera::Refused;
use crate::upload::{Origin, Upload};

/// The `[ACTIONS]` mapping.
#[derive(Debug, Clone)]
pub struct Routes {
    /// Actions of e-mail addresses, which are in lower case.
    pub recipients: HashMap<String, ActionName>,
    /// Actions of services.
    pub services: BTreeMap<String, ActionName>,
    /// The action of every other address, if there is one.
    pub email: Option<ActionName>,
    /// The action of every other service.
    pub social: ActionName,
}

impl Routes {
    /// Leads everything to `action`.
    pub fn all_to(action: ActionName) -> Self {
        Self {
            recipients: HashMap::new(),
            services: BTreeMap::new(),
            email: Some(action.clone()),
            social: action,
        }
    }

    /// The action of an e-mail recipient, none if nothing is mapped and there
    /// is no default. Case does not matter.
    pub fn recipient(&self, address: &str) -> Option<&ActionName> {
        self.recipients.get(&address.to_lowercase()).or(self.email.as_ref())
    }

    /// The action of a service chosen on the camera.
    pub fn service(&self, service: &str) -> &ActionName {
        self.services.get(service).unwrap_or(&self.social)
    }

    /// Every action that an upload can go to, once each.
    pub fn actions(&self) -> Vec<&ActionName> {
        let mut actions: Vec<&ActionName> = self
            .recipients
            .values()
            .chain(self.services.values())
            .chain(&self.email)
            .chain([&self.social])
            .collect();
        actions.sort();
        actions.dedup();
        actions
    }
}

/// The actions of `upload`, each with the recipients that map to it.
///
/// # Errors
/// The first recipient without an action.
pub(super) fn actions(
    routes: &Routes,
    upload: &Upload,
) -> Result<Vec<(ActionName, Vec<String>)>, Refused> {
    if let Origin::Social { service, .. } = &upload.origin {
        return Ok(vec![(routes.service(service).clone(), Vec::new())]);
    }
    let mut actions: Vec<(ActionName, Vec<String>)> = Vec::new();
    for recipient in &upload.recipients {
        let action =
            routes.recipient(recipient).ok_or_else(|| Refused::NoAction(recipient.clone()))?;
        match actions.iter_mut().find(|(known, _)| known == action) {
            Some((_, recipients)) => recipients.push(recipient.clone()),
            None => actions.push((action.clone(), vec![recipient.clone()])),
        }
    }
    Ok(actions)
}
