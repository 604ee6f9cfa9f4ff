//! `[ACTIONS]`: which action an upload goes to.

use super::document::Mapping;
use super::error::{ConfigError, nearest};
use crate::action_name::{ActionName, is_plain};
use crate::bundled::{self, Unmapped, action_name};
use crate::camera::settings::SERVICES;
use crate::delivery::Routes;

/// Stands for every other address, or for every address of a domain.
const ANY: &str = "*";

/// The routes that `mappings` and the defaults make. `email` gets the e-mails
/// to addresses that nothing is said of.
pub(super) fn routes(
    mappings: &[Mapping],
    plugins: &[String],
    has_mail_server: bool,
) -> Result<Routes, ConfigError> {
    let mut routes = Routes::all_to(bundled::default_for(Unmapped::All));
    let names_an_address = mappings.iter().any(|mapping| mapping.target.contains('@'));
    routes.email = match (has_mail_server, names_an_address) {
        (true, _) => Some(bundled::default_for(Unmapped::EmailOnceThereIsAServer)),
        (false, true) => None,
        (false, false) => Some(bundled::default_for(Unmapped::All)),
    };
    let mut has_rest = false;
    for Mapping { target, action, place } in mappings {
        let name = action_of(target, action, plugins).map_err(|message| place.error(message))?;
        let twice = || {
            place.error(format_args!("{target:?} is mapped twice; letter case makes no difference"))
        };
        let lower = target.to_lowercase();
        if target == ANY {
            routes.email = Some(name);
            has_rest = true;
        } else if let Some(domain) = lower.strip_prefix("*@") {
            check_domain(target, domain).map_err(|message| place.error(message))?;
            if routes.domains.insert(domain.to_owned(), name).is_some() {
                return Err(twice());
            }
        } else if target.contains('@') {
            check_address(target).map_err(|message| place.error(message))?;
            if routes.recipients.insert(lower, name).is_some() {
                return Err(twice());
            }
        } else {
            check_service(target).map_err(|message| place.error(message))?;
            routes.services.insert(target.clone(), name);
        }
    }
    routes.is_rest_written = has_rest;
    Ok(routes)
}

fn action_of(target: &str, action: &str, plugins: &[String]) -> Result<ActionName, String> {
    if action.trim() != action {
        return Err(format!("{target:?}: there is a blank around {action:?}; remove it"));
    }
    let name = action_name(action);
    if !plugins.contains(&name.plugin) {
        let hint = match nearest(&name.plugin, plugins) {
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "there are {}; another one needs [PLUGINS.{}]",
                plugins.join(", "),
                name.plugin
            ),
        };
        return Err(format!("{target:?} goes to {:?}, which is no action; {hint}", name.plugin));
    }
    if name.instance.as_ref().is_some_and(|instance| !is_plain(instance)) {
        return Err(format!("{target:?}: an instance's name has letters, digits, - and _"));
    }
    Ok(name)
}

/// Whether a camera could send to `target`, or to an address of it.
fn check_address(target: &str) -> Result<(), String> {
    let trimmed = target.trim();
    if trimmed != target {
        return Err(format!("{target:?} has a blank at its end; write {trimmed:?}"));
    }
    if let Some((_, inner)) = target.split_once('<') {
        let inner = inner.trim_end_matches('>').trim();
        return Err(format!("{target:?} has a name before the address; write {inner:?} alone"));
    }
    if let Some(address) = target.strip_prefix("mailto:") {
        return Err(format!("{target:?} is a link; write {address:?} alone"));
    }
    if target.contains('*') {
        return Err(format!(
            "{target:?}: a star stands for a whole name only: \"*@example.org\" for every address \
             of a domain, \"*\" for every address"
        ));
    }
    let (local, domain) = target.rsplit_once('@').unwrap_or((target, ""));
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '@');
    if local.is_empty()
        || domain.is_empty()
        || domain.contains(odd)
        || !is_quoted && local.contains(odd)
    {
        return Err(format!("{target:?} is no address; write one like \"me@example.org\""));
    }
    Ok(())
}

fn check_domain(target: &str, domain: &str) -> Result<(), String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '@' | '*');
    match domain.is_empty() || domain.contains(odd) {
        true => Err(format!(
            "{target:?} is no domain; write \"*@example.org\", or \"*\" for every address"
        )),
        false => Ok(()),
    }
}

fn check_service(target: &str) -> Result<(), String> {
    if SERVICES.contains(&target) {
        return Ok(());
    }
    if target.contains('*') {
        return Err(format!(
            "{target:?}: a star stands for addresses: \"*@example.org\" for those of a domain, \
             \"*\" for all"
        ));
    }
    match nearest(target, &SERVICES) {
        Some(near) => {
            Err(format!("{target:?} is neither an address nor a service; did you mean {near}?"))
        }
        None if !is_plain(target) => Err(format!(
            "{target:?} is neither an address nor a service; services are {}",
            SERVICES.join(", ")
        )),
        None => Ok(()),
    }
}
