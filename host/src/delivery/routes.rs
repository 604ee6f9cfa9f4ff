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
    /// Actions of all other addresses of a domain, which is in lower case.
    pub domains: HashMap<String, ActionName>,
    /// The action of every other address, if there is one.
    pub email: Option<ActionName>,
    /// Actions of services.
    pub services: BTreeMap<String, ActionName>,
    /// The action of every other service.
    pub social: ActionName,
    /// Whether the operator said what becomes of every other address.
    pub is_rest_written: bool,
}

impl Routes {
    /// Leads everything to `action`.
    pub fn all_to(action: ActionName) -> Self {
        Self {
            recipients: HashMap::new(),
            domains: HashMap::new(),
            email: Some(action.clone()),
            services: BTreeMap::new(),
            social: action,
            is_rest_written: false,
        }
    }

    /// The action of an e-mail recipient: that of the address, of its domain,
    /// or of everything else; none if that is not said. Case does not matter.
    pub fn recipient(&self, address: &str) -> Option<&ActionName> {
        let address = address.to_lowercase();
        let of_domain = || self.domains.get(address.rsplit_once('@')?.1);
        self.recipients.get(&address).or_else(of_domain).or(self.email.as_ref())
    }

    /// The action of a service chosen on the camera.
    pub fn service(&self, service: &str) -> &ActionName {
        self.services.get(service).unwrap_or(&self.social)
    }

    /// What becomes of everything that is not named, in a sentence.
    pub fn rest(&self) -> String {
        let named = !self.recipients.is_empty() || !self.domains.is_empty();
        let addresses = if named { "e-mail to any other address" } else { "every e-mail" };
        let services = match self.services.is_empty() {
            true => "every service",
            false => "services that are not named",
        };
        match &self.email {
            Some(email) => {
                format!("{addresses} goes to {email}, {services} to {}", self.social)
            }
            None => format!(
                "{addresses} is REFUSED; to take it, add to [ACTIONS]: \"*\" = \"{social}\"; \
                 {services} go to {social}",
                social = self.social
            ),
        }
    }

    /// Every action that an upload can go to, once each.
    pub fn actions(&self) -> Vec<&ActionName> {
        let mut actions: Vec<&ActionName> = self
            .recipients
            .values()
            .chain(self.domains.values())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_route_wins() {
        let name = ActionName::parse;
        let mut routes = Routes::all_to(name("ignore"));
        routes.recipients.insert("a@example.org".to_owned(), name("mail"));
        routes.domains.insert("example.org".to_owned(), name("store"));
        let to = |address: &str| routes.recipient(address).map(ToString::to_string);
        assert_eq!(to("A@Example.org").as_deref(), Some("mail"));
        assert_eq!(to("b@EXAMPLE.org").as_deref(), Some("store"));
        assert_eq!(to("\"a@b\"@example.org").as_deref(), Some("store"));
        assert_eq!(to("b@mail.example.org").as_deref(), Some("ignore"));
        assert_eq!(routes.actions().len(), 3);
    }

    #[test]
    fn what_becomes_of_the_rest_is_told() {
        let mut routes = Routes::all_to(ActionName::parse("store"));
        assert_eq!(routes.rest(), "every e-mail goes to store, every service to store");
        routes.recipients.insert("a@example.org".to_owned(), ActionName::parse("store"));
        routes.email = None;
        assert!(routes.rest().contains("REFUSED; to take it, add to [ACTIONS]: \"*\" = \"store\""));
    }
}
