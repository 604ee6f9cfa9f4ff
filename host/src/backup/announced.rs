//! Files that cameras announced and that are to come: addresses for uploads,
//! which nobody guesses, which are bound to one camera, and which are good for
//! one file.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::didl::Object;
use crate::date::Date;

/// Announcements of one camera and in all; the oldest goes. A camera sends one
/// file after the other.
const OF_ONE: usize = 64;
const IN_ALL: usize = 1_024;

/// How long one is good for. Samsung's server for phones forgets after 35 s.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// Letters and digits of the part of an address that nobody guesses: 59 bits.
const RANDOM: usize = 10;

/// What was announced and has not come.
#[derive(Default)]
pub(super) struct Announcements(Mutex<VecDeque<Announcement>>);

struct Announcement {
    id: String,
    camera: Ipv4Addr,
    at: Instant,
    object: Object,
    /// SHA-256 of the bytes, once they have come.
    came: Option<String>,
}

/// What an address stands for.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// What was announced.
    pub(super) object: Object,
    /// SHA-256 of what came there already.
    pub(super) came: Option<String>,
}

impl Announcements {
    /// Notes a file that `camera` will send, and how it is to be called.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn announce(
        &self,
        camera: Ipv4Addr,
        date: Date,
        object: Object,
        now: Instant,
    ) -> Result<String, getrandom::Error> {
        let id = format!("UP_{date}_{}", random()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| now.duration_since(known.at) < LIFE);
        // In the order of their coming, so the first found is the oldest.
        if all.iter().filter(|known| known.camera == camera).count() >= OF_ONE
            && let Some(oldest) = all.iter().position(|known| known.camera == camera)
        {
            all.remove(oldest);
        }
        if all.len() >= IN_ALL {
            all.pop_front();
        }
        all.push_back(Announcement { id: id.clone(), camera, at: now, object, came: None });
        Ok(id)
    }

    /// What `camera` announced under this name.
    pub(super) fn find(&self, camera: Ipv4Addr, id: &str, now: Instant) -> Option<Announced> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |known: &&Announcement| {
            known.camera == camera && known.id == id && now.duration_since(known.at) < LIFE
        };
        let found = all.iter().find(is_it)?;
        Some(Announced { object: found.object.clone(), came: found.came.clone() })
    }

    /// Notes that the bytes have come. From now on the name is good for hearing
    /// so again only.
    pub(super) fn came(&self, id: &str, sha256: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(announcement) = all.iter_mut().find(|known| known.id == id) {
            announcement.came = Some(sha256.to_owned());
        }
    }
}

fn random() -> Result<String, getrandom::Error> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(RANDOM);
    while text.len() < RANDOM {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        // Those above would make some letters likelier than others.
        let fair = bytes.iter().filter(|byte| usize::from(**byte) < 4 * LETTERS.len());
        let letters = fair.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
        text.extend(letters.take(RANDOM - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Object {
        Object::parse("<title>A.JPG</title><res size=\"10\"/>").unwrap()
    }

    fn announce(all: &Announcements, last: u8, now: Instant) -> String {
        let camera = Ipv4Addr::new(192, 168, 1, last);
        all.announce(camera, Date::parse("2014-06-01").unwrap(), object(), now).unwrap()
    }

    #[test]
    fn an_address_is_one_cameras_for_an_hour() {
        let (all, now) = (Announcements::default(), Instant::now());
        let id = announce(&all, 20, now);
        assert_ne!(id, announce(&all, 20, now));
        let random = id.strip_prefix("UP_2014-06-01_").unwrap();
        assert!(random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric()));
        let of = |last, id: &str, now| all.find(Ipv4Addr::new(192, 168, 1, last), id, now);
        assert!(of(20, &id, now).unwrap().came.is_none());
        assert!(of(21, &id, now).is_none(), "another camera's");
        assert!(of(20, "UP_2014-06-01_0000000000", now).is_none());
        all.came(&id, "digest");
        assert_eq!(of(20, &id, now).unwrap().came.as_deref(), Some("digest"));
        assert!(of(20, &id, now + LIFE).is_none());
    }

    #[test]
    fn the_oldest_goes_and_no_camera_drives_out_anothers() {
        let (all, now) = (Announcements::default(), Instant::now());
        let other = announce(&all, 21, now);
        let first = announce(&all, 20, now);
        let ids: Vec<String> = (0..OF_ONE).map(|_| announce(&all, 20, now)).collect();
        let camera = Ipv4Addr::new(192, 168, 1, 20);
        assert!(all.find(camera, &first, now).is_none());
        assert!(ids.iter().all(|id| all.find(camera, id, now).is_some()));
        assert!(all.find(Ipv4Addr::new(192, 168, 1, 21), &other, now).is_some());
    }
}
