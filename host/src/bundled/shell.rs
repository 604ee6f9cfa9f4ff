//! `shell`: keeps each file as `store` does, then runs a command of the
//! operator's.

use std::time::Duration;

use serde_json::Value;

use super::{Bundled, Fault, Resolved, Unmapped, Written};
use crate::capability::process::Program;
use crate::capability::{Grants, StoreGrant};
use crate::plugin::{Limits, Setup};

/// Placeholders that the host and the component fill.
const PLACEHOLDERS: [&str; 5] = ["sender", "recipient", "filename", "subject", "body"];

pub(super) const SHELL: Bundled = Bundled {
    name: "shell",
    aliases: &[],
    component: include_bytes!(env!("PLUGIN_SHELL")),
    settings: &["CMD", "STDIN", "TIMEOUT", "LEADING_DASH", "EXIT_DELIVERED", "EXIT_RETRY"],
    secrets: &["CMD", "STDIN"],
    // Each command has its own deadline.
    limits: || Limits { wall: Duration::from_secs(60 * 60), ..Limits::default() },
    grants: || Grants {
        store: Some(StoreGrant::InstanceOrSender),
        process: true,
        ..Grants::default()
    },
    default_for: Unmapped::Nothing,
    resolve,
};

fn resolve(written: &Written<'_>, setup: &mut Setup) -> Result<Resolved, Fault> {
    let title = match &written.name.instance {
        Some(instance) => format!("[SHELL.{instance}]"),
        None => "[SHELL]".to_owned(),
    };
    if let Some(command) = &setup.command {
        let arguments = command.arguments.iter().map(|template| ("CMD", template));
        for (key, template) in arguments.chain([("STDIN", &command.stdin)]) {
            if let Some(unknown) =
                template.placeholders().find(|known| !PLACEHOLDERS.contains(known))
            {
                let known = PLACEHOLDERS.join("} {");
                let message =
                    format!("{title}: {key}: {{{unknown}}} is unknown; there are {{{known}}}");
                return Err(Fault::at(key, message));
            }
        }
    }
    for key in ["EXIT_DELIVERED", "EXIT_RETRY"] {
        let is_code = |value: &Value| value.as_i64().is_some_and(|code| (0..256).contains(&code));
        let are_codes = |value: &Value| value.as_array().is_some_and(|v| v.iter().all(is_code));
        if !written.settings.get(key).is_none_or(are_codes) {
            let message = format!("{title}: {key}: write exit codes like [0] or [75, 111]");
            return Err(Fault::at(key, message));
        }
    }
    let missing = setup.command.as_ref().and_then(|command| missing(&command.program));
    let missing = missing.map(|program| {
        format!(
            "{title}: CMD: there is no {program} in any folder of PATH; install it, or write its \
             whole path"
        )
    });
    Ok(Resolved { warnings: missing.into_iter().collect() })
}

/// The name of a program that the system does not find.
fn missing(program: &Program) -> Option<&str> {
    let Program::Native(path) = program else { return None };
    let is_name = path.components().count() == 1 && path.is_relative();
    let is_there = |folder: std::path::PathBuf| folder.join(path).is_file();
    let found =
        std::env::var_os("PATH").is_some_and(|all| std::env::split_paths(&all).any(is_there));
    path.to_str().filter(|_| is_name && !found)
}
