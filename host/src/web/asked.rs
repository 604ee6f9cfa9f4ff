//! What pages are asked, and why one may not be there.

use url::form_urlencoded;

/// Why there is no page.
#[derive(Debug)]
pub enum NoPage {
    /// Nothing is there.
    NotFound,
    /// Something else is wrong; the words are for the operator.
    Failed(String),
}

impl<E: std::error::Error> From<E> for NoPage {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A request as pages see it: below the base, decoded, let in.
pub struct Asked {
    /// Parts of the path, none of them empty.
    pub parts: Vec<String>,
    /// What stands behind the question mark.
    pub query: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// How far up the first page is: `../` a level.
    pub up: String,
}

impl Asked {
    /// The value of `name` in the query.
    pub fn value(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}
