//! `[MASTODON]`, as the operator wrote it and the host handed it over.

use afterimage_sdk::Secret;
use serde::Deserialize;

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Settings {
    /// Scheme and host of the server.
    pub base_url: String,
    /// Marks that there is a token; the host adds it to each request.
    #[serde(rename = "TOKEN")]
    pub _token: Secret,
    /// What stands below each post.
    #[serde(default)]
    pub postscript: String,
    /// Who sees the post; the account's default when none.
    pub visibility: Option<String>,
    /// Language of the text, ISO 639; the account's default when none.
    pub language: Option<String>,
    /// Whether pictures are hidden until clicked; the account's default when none.
    pub sensitive: Option<bool>,
    /// Whether the place where a picture was taken is removed from it.
    #[serde(default = "yes")]
    pub strip_location: bool,
    /// Characters of a text, as Mastodon counts them. What the server takes is
    /// not known while the camera waits.
    #[serde(default = "usual_characters")]
    pub max_characters: usize,
    /// What becomes of more files than one post takes.
    #[serde(default)]
    pub on_too_many: TooMany,
    /// What becomes of pictures without an alt text.
    #[serde(default)]
    pub missing_alt: MissingAlt,
}

/// What becomes of more files than one post takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TooMany {
    /// Several posts, each an answer to the one before.
    #[default]
    Thread,
    /// The upload is refused.
    Reject,
}

/// What becomes of pictures without an alt text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingAlt {
    /// The upload is refused.
    #[default]
    Reject,
    /// They are posted without.
    Post,
}

/// Mastodon's own limit.
fn usual_characters() -> usize {
    500
}

fn yes() -> bool {
    true
}
