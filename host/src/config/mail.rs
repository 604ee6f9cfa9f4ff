//! `MAIL_...`: the server that takes e-mails, and how to speak with it.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox;
use toml::Spanned;

use super::file::{ConfigError, Document, File};
use crate::capability::mail::{Account, MailServer, Security, Trust};
use crate::values;

/// Reads the keys of `file`; relative paths start at `base`.
pub(super) fn mail(
    document: &Document<'_>,
    file: &File,
    base: &Path,
    warnings: &mut Vec<String>,
) -> Result<MailServer, ConfigError> {
    let default = MailServer::default();
    let security = match (file.mail_use_tls.unwrap_or(false), file.mail_use_ssl.unwrap_or(false)) {
        (true, true) => {
            return Err(document.error_in_file(
                "MAIL_USE_TLS (STARTTLS, mostly port 587) and MAIL_USE_SSL (TLS from the first \
                 byte, mostly port 465) exclude each other; remove one",
            ));
        }
        (true, false) => Security::StartTls,
        (false, true) => Security::Tls,
        (false, false) => Security::Plain,
    };
    let server = file.mail_server.clone().unwrap_or(default.server);
    let account = match (&file.mail_username, &file.mail_password) {
        (Some(username), Some(password)) => {
            Some(Account { username: username.clone(), password: password.clone() })
        }
        (None, None) => None,
        _ => {
            warnings.push(
                "no login at MAIL_SERVER: that needs both MAIL_USERNAME and MAIL_PASSWORD"
                    .to_owned(),
            );
            None
        }
    };
    let local = server == "localhost" || server.starts_with("127.") || server == "::1";
    if account.is_some() && security == Security::Plain && !local {
        warnings.push(format!(
            "MAIL_PASSWORD goes to {server} in clear; set MAIL_USE_TLS or MAIL_USE_SSL"
        ));
    }
    let default_sender = match &file.mail_default_sender {
        Some(written) => Some(written.get_ref().parse::<Mailbox>().map_err(|_| {
            document.error(
                written,
                "MAIL_DEFAULT_SENDER: write it like \"me@example.org\" or \"Me <me@example.org>\"",
            )
        })?),
        None => None,
    };
    if let (Some(written), None) = (&file.mail_rewrite_from, &default_sender)
        && *written.get_ref()
    {
        return Err(document.error(
            written,
            "MAIL_REWRITE_FROM writes MAIL_DEFAULT_SENDER into From; set that, too",
        ));
    }
    Ok(MailServer {
        port: file.mail_port.unwrap_or(if security == Security::Tls { 465 } else { default.port }),
        server,
        security,
        trust: trust(document, file, base)?,
        account,
        default_sender,
        rewrite_from: file.mail_rewrite_from.as_ref().is_some_and(|written| *written.get_ref()),
        max_size: match &file.mail_max_size {
            Some(written) => values::size(written.get_ref())
                .map_err(|error| document.error(written, format_args!("MAIL_MAX_SIZE: {error}")))?,
            None => default.max_size,
        },
        timeout: match &file.mail_timeout {
            Some(written) => values::duration(written.get_ref())
                .map_err(|error| document.error(written, format_args!("MAIL_TIMEOUT: {error}")))?,
            None => default.timeout,
        },
    })
}

fn trust(document: &Document<'_>, file: &File, base: &Path) -> Result<Trust, ConfigError> {
    let pem = |path: &Spanned<PathBuf>| {
        let place = base.join(path.get_ref());
        let read = std::fs::read(&place).map_err(|error| error.to_string()).and_then(|bytes| {
            lettre::transport::smtp::client::Certificate::from_pem(&bytes)
                .map_err(|_| "it holds no PEM certificate".to_owned())
        });
        match read {
            Ok(_) => Ok(Trust::Authority(place)),
            Err(error) => Err(document.error(
                path,
                format_args!("MAIL_CA_FILE: {} cannot be used: {error}", place.display()),
            )),
        }
    };
    match (&file.mail_pin_sha256, &file.mail_ca_file) {
        (Some(pin), Some(_)) => Err(document.error(
            pin,
            "MAIL_PIN_SHA256 accepts one certificate whoever made it; remove it or MAIL_CA_FILE",
        )),
        (Some(pin), None) => {
            // As `openssl x509 -fingerprint -sha256` prints it, or plain.
            let digits = pin.get_ref().replace(':', "").to_lowercase();
            if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(document.error(
                    pin,
                    "MAIL_PIN_SHA256 has 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them",
                ));
            }
            Ok(Trust::Pin(digits))
        }
        (None, Some(path)) => pem(path),
        (None, None) => Ok(Trust::Public),
    }
}
