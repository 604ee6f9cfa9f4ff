//! Forms with files, `multipart/form-data`.

use super::Body;
use crate::File;

/// A form, whose fields are sent in the order in which they were added.
#[derive(Debug, Clone)]
pub struct Multipart {
    boundary: String,
    body: Body,
}

impl Multipart {
    /// An empty form. `boundary` must be nowhere in its values; an id of the
    /// upload makes one that is the same at every attempt.
    pub fn new(boundary: impl Into<String>) -> Self {
        Self { boundary: boundary.into(), body: Body::default() }
    }

    /// With a text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(name, "", Body::default().bytes(value))
    }

    /// With a file under its own name and type.
    #[must_use]
    pub fn file(self, name: &str, file: &File) -> Self {
        let content = Body::default().file(file);
        self.file_with(name, file, content)
    }

    /// With a file whose content is `content`.
    #[must_use]
    pub fn file_with(self, name: &str, file: &File, content: Body) -> Self {
        let more =
            format!("; filename=\"{}\"\r\nContent-Type: {}", quoted(&file.name), file.content_type);
        self.part(name, &more, content)
    }

    fn part(mut self, name: &str, more: &str, content: Body) -> Self {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"{more}\r\n\r\n",
            self.boundary,
            quoted(name)
        );
        self.body = self.body.bytes(head).append(content).bytes("\r\n");
        self
    }

    /// Its type and its body.
    pub(super) fn end(self) -> (String, Body) {
        let Self { boundary, body } = self;
        let body = body.bytes(format!("--{boundary}--\r\n"));
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

/// As browsers write names (WHATWG HTML, "multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
