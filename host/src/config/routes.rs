//! `[ACTIONS]`: which action an upload goes to.

use super::file::{ConfigError, Document, File, nearest};
use crate::action_name::is_plain;
use crate::bundled::{self, Unmapped, action_name};
use crate::delivery::Routes;

/// Services that cameras are known to offer (`protocol.md` 3).
pub(crate) const SERVICES: [&str; 17] = [
    "facebook",
    "picasa",
    "youtube",
    "photobucket",
    "samsungimaging",
    "cyworld",
    "me2day",
    "poco",
    "weibo",
    "renren",
    "vkontakte",
    "odnoklassniki",
    "kakaostory",
    "evernote",
    "skydrive",
    "flickr",
    "dropbox",
];

/// The mapping as written; the default for e-mail is still open.
pub(super) fn routes(
    document: &Document<'_>,
    file: &File,
    plugins: &[String],
) -> Result<Routes, ConfigError> {
    let mut routes = Routes::all_to(bundled::default_for(Unmapped::All));
    for (target, written) in &file.actions {
        let name = action_name(written.get_ref());
        if !plugins.contains(&name.plugin) {
            let hint = match nearest(&name.plugin, plugins) {
                Some(near) => format!("did you mean {near}?"),
                None => format!(
                    "there are {}; another one needs [PLUGINS.{}]",
                    plugins.join(", "),
                    name.plugin
                ),
            };
            let message =
                format!("{target:?} goes to {:?}, which is no action; {hint}", name.plugin);
            return Err(document.error(written, message));
        }
        if name.instance.as_ref().is_some_and(|instance| !is_plain(instance)) {
            return Err(document.error(
                written,
                format_args!("{target:?}: an instance's name has letters, digits, - and _"),
            ));
        }
        if target.contains('@') {
            if routes.recipients.insert(target.to_lowercase(), name).is_some() {
                return Err(document.error(
                    written,
                    format_args!("{target:?} is mapped twice; letter case makes no difference"),
                ));
            }
            continue;
        }
        let services: Vec<String> = SERVICES.iter().map(|&service| service.to_owned()).collect();
        if !services.contains(target)
            && let Some(near) = nearest(target, &services)
        {
            return Err(document.error(
                written,
                format_args!(
                    "{target:?} is neither an address nor a service; did you mean {near}?"
                ),
            ));
        }
        routes.services.insert(target.clone(), name);
    }
    Ok(routes)
}
