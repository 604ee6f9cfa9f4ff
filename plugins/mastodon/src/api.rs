//! The part of Mastodon's API that a post needs, as Mastodon, GoToSocial,
//! Pleroma, Pixelfed and snac speak it.

use std::cell::Cell;
use std::time::Duration;

use afterimage_place::Piece;
use afterimage_sdk::http::{Body, Method, Multipart, Request, Response};
use afterimage_sdk::{Failure, File};
use serde_json::Value;

use crate::failure::{exhausted, failure, retry, unproven, unreached, words};

/// Longest wait for a server to process one file.
const PROCESSING: Duration = Duration::from_secs(600);

/// What a server takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files of one post.
    pub files: usize,
    /// Characters of a text.
    pub text: Option<usize>,
    /// Characters of a description.
    pub description: Option<usize>,
    /// Bytes of a picture.
    pub picture: Option<u64>,
    /// Bytes of a video.
    pub video: Option<u64>,
    /// Media types; any when empty.
    pub types: Vec<String>,
    /// How the server treats a repeated request.
    pub repeats: Repeats,
}

/// What tells whether a post whose answer was lost is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// The server knows an `Idempotency-Key` again, or takes a file once only.
    Safe,
    /// It would post twice; only its list of posts tells.
    Unsafe,
}

/// The API of one server.
pub struct Api {
    base_url: String,
    /// Seconds for which the server takes no more files.
    pause: Cell<Option<u32>>,
}

impl Api {
    /// The API at `base_url`.
    pub fn new(base_url: &str) -> Self {
        Self { base_url: base_url.trim_end_matches('/').to_owned(), pause: Cell::new(None) }
    }

    /// What the server takes; Mastodon's own limits where it does not say.
    pub fn limits(&self) -> Result<Limits, Failure> {
        for path in ["/api/v2/instance", "/api/v1/instance"] {
            let answer = self.get(path)?;
            match answer.status {
                200 => match json(&answer) {
                    Some(instance) => return Ok(Limits::of(&instance)),
                    // Whoever answers here would answer a post, too.
                    None if answer.is_page() => return Err(unproven(&answer)),
                    None => {}
                },
                401 | 403 if answer.is_page() => return Err(failure(&answer, path)),
                300..=399 | 408 | 425 | 429 | 500.. => return Err(failure(&answer, path)),
                _ => {}
            }
        }
        Ok(Limits::of(&Value::Null))
    }

    /// Uploads a file and returns its id at the server.
    pub fn upload(
        &self,
        delivery: &str,
        file: &File,
        alt_text: &str,
        content: Body,
    ) -> Result<Media, Failure> {
        if let Some(seconds) = self.pause.get() {
            return Err(retry(Some(seconds), "the server takes no more files for now"));
        }
        let mut form = Multipart::new(format!("afterimage-{delivery}-{}", file.index));
        if !alt_text.is_empty() {
            form = form.text("description", alt_text);
        }
        let form = form.file_with("file", file, content);
        let send = |path| self.send(self.request(Method::Post, path).multipart(form.clone()));
        let mut path = "/api/v2/media";
        let mut answer = send(path)?;
        if matches!(answer.status, 404 | 405 | 501) {
            path = "/api/v1/media";
            answer = send(path)?;
        }
        if !answer.is_success() {
            return Err(failure(&answer, path));
        }
        self.pause.set(exhausted(&answer));
        match named(&answer) {
            Some((id, _)) => Ok(Media { id, is_ready: !matches!(answer.status, 202 | 206) }),
            None if answer.is_page() => Err(unproven(&answer)),
            None => Err(retry(None, "the server took a file and did not name it")),
        }
    }

    /// Whether the server has processed a file; it has forgotten those that it
    /// does not know.
    pub fn media(&self, id: &str) -> Result<MediaState, Failure> {
        let path = format!("/api/v1/media/{id}");
        let answer = self.get(&path)?;
        match answer.status {
            // The status tells: Mastodon's words are for people.
            202 | 206 => Ok(MediaState::Processing),
            200 if named(&answer).is_some() => Ok(MediaState::Ready),
            200..=299 => Err(unproven(&answer)),
            404 | 410 if answer.is_page() => Ok(MediaState::Unsaid),
            404 | 410 => Ok(MediaState::Unknown),
            422 => Ok(MediaState::Broken(words(&answer))),
            _ => Err(failure(&answer, &path)),
        }
    }

    /// What becomes of a file that the server may still process.
    pub fn wait_for(&self, id: &str) -> Result<MediaState, Failure> {
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_secs(1);
        loop {
            match self.media(id)? {
                MediaState::Processing if waited >= PROCESSING => {
                    return Err(retry(Some(120), "the server is still processing a file"));
                }
                MediaState::Processing => {}
                state => return Ok(state),
            }
            std::thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    /// Posts. `key` is the same at each attempt.
    pub fn post(&self, key: &str, status: &Value) -> Result<Post, NotPosted> {
        const PATH: &str = "/api/v1/statuses";
        let request = self.request(Method::Post, PATH).header("idempotency-key", key).json(status);
        let answer = request.send().map_err(|error| NotPosted {
            is_certain: !error.may_have_acted,
            status: 0,
            failure: unreached(&error),
        })?;
        let status = answer.status;
        if !answer.is_success() {
            // A proxy's error tells nothing of the server behind it.
            let is_certain = status < 500 && status != 408 && !answer.is_page();
            return Err(NotPosted { is_certain, status, failure: failure(&answer, PATH) });
        }
        // Only a post has an id: a page with status 200 is of a proxy.
        let Some((id, post)) = named(&answer) else {
            return Err(NotPosted { is_certain: false, status, failure: unproven(&answer) });
        };
        Ok(Post {
            id: Some(id),
            url: post["url"].as_str().map(str::to_owned),
            files: post["media_attachments"].as_array().map(Vec::len),
            visibility: post["visibility"].as_str().map(str::to_owned),
        })
    }

    /// The account's last posts, none if the token may not see them.
    pub fn last_posts(&self) -> Result<Option<Vec<Value>>, Failure> {
        let path = "/api/v1/accounts/verify_credentials";
        let account = self.get(path)?;
        let account = match account.status {
            200 => named(&account).map(|(id, _)| id),
            408 | 425 | 429 | 500.. => return Err(failure(&account, path)),
            _ if account.is_page() => return Err(unproven(&account)),
            _ => None,
        };
        let Some(account) = account else { return Ok(None) };
        let path = format!("/api/v1/accounts/{account}/statuses?limit=20");
        let posts = self.get(&path)?;
        match posts.status {
            200 if posts.is_page() => Err(unproven(&posts)),
            200 => Ok(json(&posts).and_then(|posts| posts.as_array().cloned())),
            408 | 425 | 429 | 500.. => Err(failure(&posts, &path)),
            _ if posts.is_page() => Err(unproven(&posts)),
            _ => Ok(None),
        }
    }

    fn get(&self, path: &str) -> Result<Response, Failure> {
        self.send(self.request(Method::Get, path))
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.base_url))
            .header("accept", "application/json")
    }

    fn send(&self, request: Request) -> Result<Response, Failure> {
        request.send().map_err(|error| unreached(&error))
    }
}

/// The bytes of `file` that `pieces` name.
pub fn content(file: &File, pieces: Vec<Piece>) -> Body {
    pieces.into_iter().fold(Body::default(), |body, piece| match piece {
        Piece::File(range) => body.file_range(file, range),
        Piece::New(bytes) => body.bytes(bytes),
        Piece::Zeros(length) => body.zeros(length),
    })
}

/// The thing that an answer is about, which has an id.
fn named(answer: &Response) -> Option<(String, Value)> {
    let thing = json(answer)?;
    Some((id(&thing["id"])?, thing))
}

/// A file at the server.
pub struct Media {
    /// Its id.
    pub id: String,
    /// Whether it can be posted.
    pub is_ready: bool,
}

/// What the server knows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaState {
    /// It can be posted.
    Ready,
    /// It will be ready some time.
    Processing,
    /// Nothing: it was never there, is gone, or is part of a post.
    Unknown,
    /// It does not answer such questions, or something before it does.
    Unsaid,
    /// It cannot process it, in these words.
    Broken(String),
}

/// A post that is there.
#[derive(Debug)]
pub struct Post {
    /// Its id, where the server tells.
    pub id: Option<String>,
    /// Its page, where the server tells.
    pub url: Option<String>,
    /// How many files it shows, where the server tells.
    pub files: Option<usize>,
    /// Who sees it, where the server tells.
    pub visibility: Option<String>,
}

/// A request to post that has failed.
pub struct NotPosted {
    /// Whether there is certainly no post.
    pub is_certain: bool,
    /// The answer's status, 0 without one.
    pub status: u16,
    /// What to do.
    pub failure: Failure,
}

impl Limits {
    fn of(instance: &Value) -> Self {
        let configuration = &instance["configuration"];
        let number = |value: &Value| value.as_u64().filter(|number| *number > 0);
        let count = |value: &Value| number(value).and_then(|number| usize::try_from(number).ok());
        let media = &configuration["media_attachments"];
        let statuses = &configuration["statuses"];
        Self {
            files: count(&statuses["max_media_attachments"]).unwrap_or(4),
            text: count(&statuses["max_characters"]),
            description: count(&media["description_limit"]),
            picture: number(&media["image_size_limit"]),
            video: number(&media["video_size_limit"]),
            types: media["supported_mime_types"]
                .as_array()
                .map(|types| types.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            repeats: Repeats::of(instance),
        }
    }
}

impl Repeats {
    /// Servers say who they are in their version; those that only speak the
    /// API of Mastodon say so after it.
    fn of(instance: &Value) -> Self {
        let version = instance["version"].as_str().unwrap_or_default().to_lowercase();
        let source = instance["source_url"].as_str().unwrap_or_default().to_lowercase();
        let is_mastodon = version.starts_with(|c: char| ('2'..='9').contains(&c))
            && version.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        let known = ["pleroma", "akkoma"].iter().any(|name| version.contains(name))
            || source.contains("gotosocial");
        if is_mastodon || known { Self::Safe } else { Self::Unsafe }
    }
}

/// The body as JSON, none if it is something else.
pub(crate) fn json(answer: &Response) -> Option<Value> {
    answer.json().ok()
}

/// An id, which some servers write as a number; never with more in it than
/// may stand in a path.
fn id(value: &Value) -> Option<String> {
    let id = match value {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    (!id.is_empty() && id.len() <= 512 && id.bytes().all(plain)).then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_that_post_twice_are_known_by_their_version() {
        let repeats = |version: &str| Repeats::of(&json!({ "version": version }));
        for version in ["4.3.1", "4.4.0-rc.1+glitch", "2.7.2 (compatible; Akkoma 3.10.4)"] {
            assert_eq!(repeats(version), Repeats::Safe, "{version}");
        }
        for version in
            ["4.0.0 (not true; really snac/2.75)", "3.5.3 (compatible; Pixelfed 0.12.4)", ""]
        {
            assert_eq!(repeats(version), Repeats::Unsafe, "{version}");
        }
        let gotosocial = json!({
            "version": "0.17.3+git-1",
            "source_url": "https://codeberg.org/superseriousbusiness/gotosocial"
        });
        assert_eq!(Repeats::of(&gotosocial), Repeats::Safe);
    }

    #[test]
    fn limits_are_read_where_the_server_tells_them() {
        let limits = Limits::of(&json!({ "configuration": {
            "statuses": { "max_media_attachments": 6, "max_characters": 5000 },
            "media_attachments": { "image_size_limit": 100, "supported_mime_types": ["image/jpeg"] },
        }}));
        assert_eq!((limits.files, limits.text, limits.picture), (6, Some(5000), Some(100)));
        assert_eq!(Limits::of(&Value::Null).files, 4);
    }

    #[test]
    fn an_id_cannot_lead_elsewhere() {
        assert_eq!(id(&json!("109")), Some("109".to_owned()));
        assert_eq!(id(&json!(109)), Some("109".to_owned()));
        assert_eq!(id(&json!("../x")), None);
        assert_eq!(id(&json!("")), None);
    }
}
