//! Which actions an upload goes to.

use crate::action_name::ActionName;
use crate::camera::Refused;
use crate::config::Routes;
use crate::upload::{Origin, Upload};

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
