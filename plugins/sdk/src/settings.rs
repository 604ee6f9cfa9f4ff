//! The operator's settings as a type of the author's.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bindings::afterimage::action::settings;
use crate::{Failure, Rejection, RejectionReason, rejection};

/// The settings, read into `T`: one field a key, with
/// `#[serde(rename_all = "SCREAMING_SNAKE_CASE")]`. A key that `T` does not
/// know is an error: it is a typing error more often than not.
///
/// # Errors
/// A key is unknown or missing, or has a value of the wrong type. The error
/// turns into a [`Rejection`] or a [`Failure`] with `?`.
pub fn settings<T: DeserializeOwned>() -> Result<T, SettingsError> {
    let json = settings::json();
    let mut unknown = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(&json);
    let settings = serde_ignored::deserialize(&mut reader, |key| unknown.push(key.to_string()))
        .map_err(|error| SettingsError(error.to_string()))?;
    match unknown.is_empty() {
        true => Ok(settings),
        false => Err(SettingsError(format!("unknown: {}", unknown.join(", ")))),
    }
}

/// A setting that the host keeps to itself: only that it is set is known.
#[derive(Debug, Clone, Deserialize)]
pub struct Secret {
    /// Always true.
    pub secret: bool,
}

/// What is wrong with the settings.
#[derive(Debug)]
pub struct SettingsError(String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings: {}", self.0)
    }
}

impl std::error::Error for SettingsError {}

impl From<SettingsError> for Rejection {
    fn from(error: SettingsError) -> Self {
        rejection(RejectionReason::Other, error.to_string())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Reject(error.into())
    }
}
