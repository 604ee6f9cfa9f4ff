//! `email`: sends an upload on as one message.

use std::time::Duration;

use afterimage_address::Address;
use serde_json::Value;

use super::{Bundled, Fault, Place, Resolved, Unmapped, Written};
use crate::capability::{Grants, MailGrant};
use crate::plugin::{Limits, Setup};

pub(super) const EMAIL: Bundled = Bundled {
    name: "email",
    aliases: &["mail"],
    component: include_bytes!(env!("PLUGIN_EMAIL")),
    settings: &["TO"],
    secrets: &[],
    // The host ends what stalls; a video through a thin line takes its time.
    // What the host computes for it counts: it encodes and encrypts every byte.
    limits: || Limits {
        cpu: Duration::from_secs(120),
        wall: Duration::from_secs(60 * 60),
        ..Limits::default()
    },
    // `TO` is added where it is read.
    grants: || Grants { mail: Some(MailGrant::default()), ..Grants::default() },
    default_for: Unmapped::EmailOnceThereIsAServer,
    resolve,
};

fn resolve(written: &Written<'_>, setup: &mut Setup) -> Result<Resolved, Fault> {
    let recipients = recipients(written.settings.get("TO"))?;
    if let ([service, ..], true) = (written.services, recipients.is_empty()) {
        let name = written.name;
        let message = format!(
            "{service} goes to {name}, but a social upload names no recipient; add to [EMAIL]: \
             TO = [\"me@example.org\"]"
        );
        return Err(Fault { place: Place::Service((*service).to_owned()), message });
    }
    // So that what cannot be sent is refused while the camera waits.
    setup.settings.insert("MAX_SIZE".to_owned(), written.mail.max_size.into());
    let has_sender = written.mail.default_sender.is_some();
    setup.settings.insert("HAS_SENDER".to_owned(), has_sender.into());
    setup.grants.mail = Some(MailGrant { recipients });
    Ok(Resolved::default())
}

/// `TO`: who gets what comes without a recipient.
fn recipients(to: Option<&Value>) -> Result<Vec<String>, Fault> {
    let Some(to) = to else { return Ok(Vec::new()) };
    let written = to.as_array().map_or(std::slice::from_ref(to), Vec::as_slice);
    let example = "write it like TO = [\"me@example.org\"]";
    let mut recipients = Vec::new();
    for to in written {
        let Some(to) = to.as_str() else {
            return Err(Fault::at("TO", format!("TO is a list of addresses; {example}")));
        };
        let address = to.parse::<Address>().map_err(|why| {
            Fault::at("TO", format!("{to:?} in TO is no address: {why}; {example}"))
        })?;
        recipients.push(address.to_string());
    }
    Ok(recipients)
}
