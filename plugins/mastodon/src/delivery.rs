//! One delivery: each file is uploaded once, each post is made once, however
//! often it is interrupted. What is done is in the notes before the next step
//! begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use afterimage_place::{Piece, Refused};
use afterimage_sdk::{
    Failure, File, Origin, Receipt, RejectionReason, Upload, progress, reject, warn,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, Limits, Media, MediaState, NotPosted, Post, Repeats, content};
use crate::count;
use crate::failure::retry;
use crate::settings::{MissingAlt, Settings, TooMany};
use crate::text::{Text, compose, group};

/// Seconds after which an unposted file may have been removed by the server,
/// so that its absence tells nothing.
const FORGOTTEN: u64 = 20 * 3600;

/// Delivers `upload`, which `check` has agreed to.
pub fn deliver(settings: &Settings, upload: &Upload, text: &Text<'_>) -> Result<Receipt, Failure> {
    let api = Api::new(&settings.base_url);
    let limits = api.limits()?;
    let said = said(settings, upload, text);
    fits(&limits, upload, text, &said)?;
    let pictures: Vec<bool> = upload.files.iter().map(is_picture).collect();
    let groups = group(&pictures, limits.files);
    if groups.len() > 1 && settings.on_too_many == TooMany::Reject {
        let message = format!("the server takes {} files in a post", limits.files);
        return Err(reject(RejectionReason::TooLarge, message));
    }

    // A collection that was closed early has fewer files than alt texts.
    let is_missing = text.alt_texts.len() < upload.files.len();
    if is_missing && settings.missing_alt == MissingAlt::Reject {
        return Err(reject(RejectionReason::Invalid, "No alt-text"));
    }
    let mut notes = Notes::load()?;
    for (number, files) in groups.iter().enumerate().skip(notes.posts.len()) {
        let says = match number {
            0 => said.clone(),
            _ => format!("{}/{}", number + 1, groups.len()),
        };
        let work = Work { settings, upload, text, api: &api, limits: &limits, number, files };
        let post = work.post(&mut notes, says)?;
        notes.posting = None;
        notes.posts.push(post);
        notes.save()?;
    }
    let links: Vec<String> = notes.posts.iter().filter_map(|post| post.url.clone()).collect();
    let files = upload.files.len();
    let summary = match notes.posts.len() {
        1 => format!("posted {files} files"),
        posts => format!("posted {files} files in {posts} posts"),
    };
    Ok(Receipt { summary, links })
}

/// The text of the first post.
pub fn said(settings: &Settings, upload: &Upload, text: &Text<'_>) -> String {
    let camera = match upload.origin {
        Origin::Social => upload.camera.as_deref(),
        Origin::Email => None,
    };
    compose(text.said, camera, &settings.postscript)
}

fn is_picture(file: &File) -> bool {
    !file.content_type.starts_with("video/") && !file.content_type.starts_with("audio/")
}

/// Refuses before anything is uploaded what the server would not take.
fn fits(limits: &Limits, upload: &Upload, text: &Text<'_>, said: &str) -> Result<(), Failure> {
    let length = count::length(said);
    if let Some(most) = limits.text.filter(|most| length > *most) {
        let message = format!("the text has {length} characters, {most} are allowed");
        return Err(reject(RejectionReason::TooLarge, message));
    }
    let longest = text.alt_texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    if let Some(most) = limits.description.filter(|most| longest > *most) {
        let message = format!("an alt-text has {longest} characters, {most} are allowed");
        return Err(reject(RejectionReason::TooLarge, message));
    }
    for file in &upload.files {
        let most = if is_picture(file) { limits.picture } else { limits.video };
        if let Some(most) = most.filter(|most| file.size > *most) {
            let message = format!("{} has {} bytes, {most} are allowed", file.name, file.size);
            return Err(reject(RejectionReason::TooLarge, message));
        }
        if !limits.types.is_empty() && !limits.types.contains(&file.content_type) {
            let message = format!("{}: the server takes no {}", file.name, file.content_type);
            return Err(reject(RejectionReason::Unsupported, message));
        }
    }
    Ok(())
}

/// One post of a delivery.
struct Work<'a> {
    settings: &'a Settings,
    upload: &'a Upload,
    text: &'a Text<'a>,
    api: &'a Api,
    limits: &'a Limits,
    number: usize,
    files: &'a [usize],
}

impl Work<'_> {
    fn post(&self, notes: &mut Notes, says: String) -> Result<Posted, Failure> {
        let is_repeat = notes.posting.is_some();
        if let Some(posting) = notes.posting.clone() {
            if let Some(posted) = self.find(notes, &posting)? {
                return Ok(posted);
            }
        } else {
            for &index in self.files {
                self.upload(notes, index)?;
            }
            let known = match self.limits.repeats {
                Repeats::Safe => None,
                Repeats::Unsafe => self.api.last_posts()?.map(ids),
            };
            notes.posting = Some(Posting { since: now(), known });
            notes.save()?;
        }

        let media: Vec<&str> = self.files.iter().map(|index| notes.media[index].as_str()).collect();
        let mut status = json!({ "status": says, "media_ids": media });
        let optional = [
            ("visibility", self.settings.visibility.as_deref().map(Value::from)),
            ("language", self.settings.language.as_deref().map(Value::from)),
            ("sensitive", self.settings.sensitive.map(Value::from)),
            (
                "in_reply_to_id",
                notes.posts.last().and_then(|post| post.id.as_deref()).map(Value::from),
            ),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                status[key] = value;
            }
        }
        match self.api.post(&self.key(), &status) {
            Ok(post) => {
                self.compare(&post);
                Ok(Posted { id: post.id, url: post.url })
            }
            // What only an earlier attempt of ours can have done.
            Err(NotPosted { is_certain: true, failure, .. })
                if is_repeat && attached_already(&failure) =>
            {
                Ok(Posted { id: None, url: None })
            }
            Err(NotPosted { is_certain: true, status, failure }) => {
                notes.posting = None;
                notes.save()?;
                Err(if status == 422 { self.unless_processing(notes, failure)? } else { failure })
            }
            Err(NotPosted { failure, .. }) => Err(failure),
        }
    }

    /// `failure`, unless the server refused because it still processes a file.
    fn unless_processing(&self, notes: &Notes, failure: Failure) -> Result<Failure, Failure> {
        let Failure::Reject(rejection) = &failure else { return Ok(failure) };
        for index in self.files {
            if self.api.media(&notes.media[index])? == MediaState::Processing {
                let message = format!("a file is not ready: {}", rejection.message);
                return Ok(retry(Some(30), message));
            }
        }
        Ok(failure)
    }

    /// One key for each post of a thread.
    fn key(&self) -> String {
        match self.number {
            0 => self.upload.id.clone(),
            number => format!("{}-{}", self.upload.id, number + 1),
        }
    }

    /// Makes sure that the server has the file and has processed it. What it
    /// could not process is uploaded once more.
    fn upload(&self, notes: &mut Notes, index: usize) -> Result<(), Failure> {
        let mut is_new = false;
        let mut media = match notes.media.get(&index) {
            Some(id) => Media { id: id.clone(), is_ready: false },
            None => {
                is_new = true;
                self.send(notes, index)?
            }
        };
        while !media.is_ready {
            match self.api.wait_for(&media.id)? {
                MediaState::Ready | MediaState::Processing => return Ok(()),
                // Servers that do not answer such questions know nothing either.
                MediaState::Unknown | MediaState::Unsaid
                    if !is_new && self.limits.repeats == Repeats::Unsafe =>
                {
                    return Ok(());
                }
                MediaState::Unknown | MediaState::Unsaid if is_new => {
                    return Err(retry(None, "the server has lost a file it was given"));
                }
                MediaState::Unknown | MediaState::Unsaid => {}
                MediaState::Broken(words) => {
                    let is_second = !notes.again.insert(index);
                    notes.media.remove(&index);
                    if is_second {
                        // Who lets it be delivered again wants it tried anew.
                        notes.again.remove(&index);
                        notes.save()?;
                        let message = format!("{}: {words}", self.upload.files[index].name);
                        return Err(reject(RejectionReason::Unsupported, message));
                    }
                    notes.save()?;
                }
            }
            is_new = true;
            media = self.send(notes, index)?;
        }
        Ok(())
    }

    /// Uploads the file, without its place unless the operator lets it pass.
    fn send(&self, notes: &mut Notes, index: usize) -> Result<Media, Failure> {
        let (file, alt_text) = (&self.upload.files[index], self.text.alt_text(index));
        let pieces = match self.settings.strip_location {
            false => vec![Piece::File(0..file.size)],
            true => without_place(file)?,
        };
        let media = self.api.upload(&self.upload.id, file, alt_text, content(file, pieces))?;
        notes.media.insert(index, media.id.clone());
        notes.save()?;
        Ok(media)
    }

    /// The post that an earlier attempt may have made, none if it has not.
    fn find(&self, notes: &mut Notes, posting: &Posting) -> Result<Option<Posted>, Failure> {
        match self.limits.repeats {
            Repeats::Safe => {
                let media = &notes.media[&self.files[0]];
                match self.api.media(media)? {
                    MediaState::Ready | MediaState::Processing | MediaState::Broken(_) => Ok(None),
                    MediaState::Unsaid => {
                        Err(retry(None, "a page in the place of the server's answer"))
                    }
                    MediaState::Unknown if now().saturating_sub(posting.since) > FORGOTTEN => {
                        Err(self.hold(notes)?)
                    }
                    // It belongs to a post, which can only be ours.
                    MediaState::Unknown => Ok(Some(Posted { id: None, url: None })),
                }
            }
            Repeats::Unsafe => {
                let Some(known) = &posting.known else { return Err(self.hold(notes)?) };
                let Some(posts) = self.api.last_posts()? else { return Err(self.hold(notes)?) };
                let ours = posts.iter().find(|post| {
                    let is_new = ids(vec![(*post).clone()]).iter().all(|id| !known.contains(id));
                    is_new && self.is_shown_by(post, notes)
                });
                Ok(ours.map(|post| Posted {
                    id: ids(vec![post.clone()]).pop(),
                    url: post["url"].as_str().map(str::to_owned),
                }))
            }
        }
    }

    /// Whether a post of the account has these files and no others. Servers
    /// that give an attachment another id than the file had are asked by their
    /// descriptions, which they may have cut.
    fn is_shown_by(&self, post: &Value, notes: &Notes) -> bool {
        let shown = post["media_attachments"].as_array().map_or(&[][..], Vec::as_slice);
        let is_file = |(shown, index): (&Value, &usize)| {
            let described = shown["description"].as_str().unwrap_or_default().trim();
            shown["id"].as_str() == notes.media.get(index).map(String::as_str)
                || self.text.alt_text(*index).starts_with(described)
        };
        shown.len() == self.files.len() && shown.iter().zip(self.files).all(is_file)
    }

    /// Tells the operator where a server took a post and shows less, or to
    /// more people.
    fn compare(&self, post: &Post) {
        let url = post.url.as_deref().unwrap_or("the post");
        if let Some(shown) = post.files.filter(|shown| *shown < self.files.len()) {
            warn!("{url} shows {shown} of {} files", self.files.len());
        }
        let asked = self.settings.visibility.as_deref().unwrap_or_default();
        let given = post.visibility.as_deref().unwrap_or_default();
        if ["private", "direct"].contains(&asked) && ["public", "unlisted"].contains(&given) {
            warn!("{url} is {given}, not {asked}");
        }
    }

    /// Nothing can tell whether the post is there: a human has to look. Who
    /// then lets it be delivered again wants it posted.
    fn hold(&self, notes: &mut Notes) -> Result<Failure, Failure> {
        notes.posting = None;
        notes.save()?;
        let message = "it may be posted already: look there, then retry or drop it";
        Ok(reject(RejectionReason::Other, message))
    }
}

/// What of the file may leave.
fn without_place(file: &File) -> Result<Vec<Piece>, Failure> {
    let opened = file.open().map_err(Refused::from);
    opened.and_then(afterimage_place::strip).map_err(|refused| match refused {
        Refused::Io(error) => retry(None, format!("{}: {error}", file.name)),
        Refused::NotUnderstood(why) => {
            let message = format!(
                "{}: {why}, so that its place cannot be removed; STRIP_LOCATION = false lets it pass",
                file.name
            );
            reject(RejectionReason::Unsupported, message)
        }
    })
}

/// GoToSocial's answer to a repeat.
fn attached_already(failure: &Failure) -> bool {
    matches!(failure, Failure::Reject(rejection) if rejection.message.contains("already attached"))
}

fn ids(posts: Vec<Value>) -> Vec<String> {
    posts.iter().filter_map(|post| post["id"].as_str().map(str::to_owned)).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// What is done.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    /// Id of each file at the server.
    media: BTreeMap<usize, String>,
    /// Files that the server could not process and got once more.
    #[serde(default)]
    again: BTreeSet<usize>,
    /// The posts that are there.
    posts: Vec<Posted>,
    /// The next post may be there too.
    posting: Option<Posting>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Posted {
    id: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Posting {
    /// When it was first asked for, in seconds since 1970.
    since: u64,
    /// Ids of the account's last posts before, where they tell more than the
    /// server's answer to a repeat.
    known: Option<Vec<String>>,
}

impl Notes {
    fn load() -> Result<Self, Failure> {
        match progress::load() {
            None => Ok(Self::default()),
            Some(notes) => serde_json::from_slice(&notes)
                .map_err(|error| retry(None, format!("the notes of this delivery: {error}"))),
        }
    }

    fn save(&self) -> Result<(), Failure> {
        let notes = serde_json::to_vec(self).map_err(|error| retry(None, error.to_string()))?;
        progress::save(&notes).map_err(|error| retry(None, error))
    }
}
