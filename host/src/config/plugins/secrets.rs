//! `SECRETS` of a plugin: what the host puts into its requests.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, header};
use toml::Spanned;

use super::table::SecretTable;
use crate::capability::http::{Injected, Injection, Origin};
use crate::config::document::Document;
use crate::config::error::ConfigError;
use crate::config::written::secret_in;
use crate::secret::Secret;

/// Headers that are the transport's, where a secret would be lost or do harm.
const TRANSPORT: [HeaderName; 4] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

/// `SECRETS`, for `origins`, which are those of `ALLOW`.
pub(super) fn injections(
    document: &Document<'_>,
    plugin: &str,
    secrets: &[SecretTable],
    origins: &[Origin],
    base: &Path,
) -> Result<Vec<Injection>, ConfigError> {
    let mut injections: Vec<Injection> = Vec::new();
    for secret in secrets {
        let wrong = |at: &Spanned<String>, message: &str| {
            document.error(at, format_args!("[PLUGINS.{plugin}]: SECRETS: {message}"))
        };
        let origin = Origin::parse(secret.origin.get_ref())
            .map_err(|message| wrong(&secret.origin, &message))?;
        if !origins.contains(&origin) {
            let message =
                format!("{origin} is not allowed; add ALLOW = {{ HTTP = [\"{origin}\"] }}");
            return Err(wrong(&secret.origin, &message));
        }
        let header = HeaderName::try_from(secret.header.get_ref())
            .ok()
            .filter(|header| !TRANSPORT.contains(header))
            .ok_or_else(|| {
                wrong(&secret.header, "write the name of a header like \"Authorization\"")
            })?;
        let read = |written: &Option<String>, file: &Option<PathBuf>| match (written, file) {
            (None, Some(file)) => {
                secret_in(&base.join(file)).map(Some).map_err(|error| wrong(&secret.header, &error))
            }
            (written, _) => Ok(written.clone()),
        };
        let (value, sign) =
            (read(&secret.value, &secret.value_file)?, read(&secret.sign, &secret.sign_file)?);
        let value = match (value, sign) {
            (Some(value), None) if HeaderValue::from_str(&value).is_ok() => {
                Injected::Text(Secret::new(value))
            }
            (None, Some(key)) if !key.is_empty() => Injected::Signature(Secret::new(key)),
            _ => {
                let message =
                    "one of VALUE = \"...\", a line of text, and SIGN = \"key\" is needed";
                return Err(wrong(&secret.header, message));
            }
        };
        let kind = std::mem::discriminant(&value);
        if injections.iter().any(|i| i.origin == origin && std::mem::discriminant(&i.value) == kind)
        {
            return Err(wrong(&secret.origin, "an origin has one VALUE and one SIGN at most"));
        }
        if injections.iter().any(|i| i.origin == origin && i.header == header) {
            return Err(wrong(&secret.header, "VALUE and SIGN of an origin need two headers"));
        }
        injections.push(Injection { origin, header, value });
    }
    Ok(injections)
}
