//! The bytes of an announced file: streamed into the spool, and 200 only when
//! they are durable.

use std::time::{Instant, SystemTime};

use hyper::body::{Body as _, Incoming as HttpBody};
use hyper::{Request, Uri};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::peers::Peer;
use super::reply::{Refused, Reply};
use super::state::{self, State};
use super::{Intake, media_type};
use crate::camera::body::Body;
use crate::camera::multipart::Chunks;
use crate::digest;
use crate::file_name;
use crate::spool::{Accepted, Sight};

/// What the addresses of uploads look like: `didx` has the value `0_id=UP_...`,
/// one `=` too many as in those of Samsung's program.
pub(super) const PATH: &str = "/cd/content";

/// Query of an address, before the name of the announcement.
pub(super) const QUERY: &str = "didx=0_id=";

/// Takes the bytes of a file.
pub(super) async fn receive<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    let received_at = SystemTime::now();
    let settings = &state.settings;
    let id = announcement(request.uri()).ok_or(Refused::NotAnnounced)?;
    let announced = state.announcements.find(peer.address, &id, Instant::now());
    let announced = announced.ok_or(Refused::NotAnnounced)?;
    let object = &announced.object;
    let body = request.into_body();
    if let Some(found) = body.size_hint().exact() {
        check_size(object.size, found)?;
    }
    let _turn = state.turn(peer.address)?;
    let mut body =
        Body::within(body, settings.limits, settings.largest_upload, Some(&settings.free_space))
            .await?;
    if let Some(came) = &announced.came {
        return again(&mut body, came).await;
    }
    let mut lease = state.intake.begin()?;
    let name = file_name::safe(&object.title).ok_or(Refused::NotAnnounced)?;
    let kind = media_type(&object.media_type, &name);
    let mut file = lease.create_file(&name, kind).map_err(disk)?;
    let mut size = 0;
    while let Some(chunk) = body.next().await? {
        size += chunk.len() as u64;
        file.append(&chunk).await.map_err(disk)?;
    }
    // Before anything is written down that would have to be removed again.
    if let Err(refused) = check_size(object.size, size) {
        drop(file);
        lease.discard().await;
        return Err(refused);
    }
    lease.finish_file(file).await.map_err(disk)?;
    let upload = state::upload(lease.id(), peer, object, lease.files().to_vec(), received_at);
    let sha256 = upload.files.first().map(|file| file.sha256.clone()).unwrap_or_default();
    let accepted = state.intake.accept(upload, lease, settings.repeats).await?;
    state.announcements.came(&id, &sha256);
    let word = match accepted {
        Accepted::New => "taken",
        Accepted::Repeat => "known already",
    };
    state.intake.sighted(peer.sighting(Sight::Sent(name.clone()))).await;
    tracing::info!(camera = %peer.address, sender = peer.sender, size, "{name} is {word}");
    Ok(Reply::ok(""))
}

/// The answer to a camera that missed the first one: it sends the same bytes to
/// the same address.
async fn again(body: &mut Body<'_>, came: &str) -> Result<Reply, Refused> {
    let mut hash = Sha256::new();
    while let Some(chunk) = body.next().await? {
        hash.update(&chunk);
    }
    match digest::hex(&hash.finalize()) == came {
        true => Ok(Reply::ok("")),
        false => Err(Refused::NotAnnounced),
    }
}

/// Of lengths from 4 GiB on a camera may write what is left in 32 bits.
fn check_size(announced: u64, found: u64) -> Result<(), Refused> {
    let low = |size: u64| size & u64::from(u32::MAX);
    let is_it = announced == found
        || (announced <= u64::from(u32::MAX) && found > announced && low(found) == announced);
    if is_it { Ok(()) } else { Err(Refused::Size { announced, found }) }
}

/// The name of the announcement in an address: all behind the last `id=`.
fn announcement(uri: &Uri) -> Option<String> {
    let query = percent_decode_str(uri.query()?).decode_utf8().ok()?;
    let (_, id) = query.rsplit_once("id=")?;
    Some(id.trim().to_owned())
}

fn disk(error: std::io::Error) -> Refused {
    Refused::Upload(crate::camera::Refused::Disk(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_the_announced_one_or_the_same_in_32_bits() {
        let fits = |announced, found| check_size(announced, found).is_ok();
        assert!(fits(10, 10) && !fits(10, 4) && !fits(10, 12));
        let large = (4 << 30) + 10;
        assert!(fits(large, large) && fits(10, large) && !fits(large, 10));
    }

    #[test]
    fn the_name_of_an_announcement_is_behind_the_last_id() {
        let of = |uri: &str| announcement(&uri.parse().unwrap());
        assert_eq!(of("/cd/content?didx=0_id=UP_1").as_deref(), Some("UP_1"));
        assert_eq!(of("/cd/content?didx%3D0_id%3DUP_1").as_deref(), Some("UP_1"));
        assert_eq!(of("/cd/content?x=1"), None);
        assert_eq!(of("/cd/content"), None);
    }
}
