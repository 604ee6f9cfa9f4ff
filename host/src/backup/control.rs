//! The calls of a camera: a backup begins, a file is announced, a backup has
//! ended. Everything else is unknown, as it is to the servers that cameras are
//! known to work with. Nothing is ever switched off.

use std::net::SocketAddrV4;
use std::time::{Instant, SystemTime};

use hyper::body::{Body as _, Incoming as HttpBody};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};

use super::didl::Object;
use super::peers::Peer;
use super::reply::{Refused, Reply};
use super::soap::{self, Action, Fault};
use super::state::{self, State};
use super::{Intake, content, media_type};
use crate::camera::body::Body;
use crate::camera::multipart::Chunks;
use crate::date::Date;
use crate::file_name;
use crate::spool::Sight;
use crate::upload::File;
use crate::xml;

/// Name of the header that names an action.
const SOAPACTION: &str = "soapaction";

/// What is announced to be larger is no call at all, in bytes.
const NO_CALL: u64 = 1 << 20;

/// What is shown of the body of a call that nobody understands, in bytes.
const SHOWN: usize = 4 << 10;

/// Answers a call. `server` is where this very camera reaches us; `head` is
/// the request's, for the log.
pub(super) async fn answer<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    server: SocketAddrV4,
    head: &[u8],
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    let named = request.headers().get(SOAPACTION).map(|value| Action::of_header(value.as_bytes()));
    if named.is_none() && !is_xml(&request) {
        return Err(Refused::Browser("a call without SOAPACTION that is not text/xml"));
    }
    let body = text(state, request.into_body()).await?;
    soap::look_through(&body)?;
    let within = Action::of_body(&body);
    if let (Some(named), Some(within)) = (&named, &within)
        && named != within
    {
        tracing::warn!(camera = %peer.address, "SOAPACTION says {named:?}, the body {within:?}");
    }
    match named.or(within) {
        Some(Action::Start) => {
            tracing::info!(camera = %peer.address, "a backup begins");
            state.intake.sighted(peer.sighting(Sight::Begun)).await;
            Ok(Reply::ok(soap::response("X_BACKUP_START", &[])))
        }
        Some(Action::Done) => {
            tracing::info!(camera = %peer.address, "a backup is done");
            state.intake.sighted(peer.sighting(Sight::Done)).await;
            Ok(Reply::ok(soap::response("X_BACKUP_DONE", &[])))
        }
        Some(Action::CreateObject) => Ok(create_object(state, peer, server, &body).await),
        Some(Action::Unknown(name)) => {
            unknown(state, peer, &name, head, &body);
            Ok(Reply::empty(StatusCode::NOT_FOUND))
        }
        None => {
            unknown(state, peer, "", head, &body);
            Ok(Reply::fault(Fault::BadMetadata))
        }
    }
}

/// Whether a browser asks first before a page of somebody else may send it.
fn is_xml(request: &Request<HttpBody>) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        ["text/xml", "application/xml", "application/soap+xml"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
    })
}

async fn text<I: Intake>(state: &State<I>, body: HttpBody) -> Result<String, Refused> {
    let settings = &state.settings;
    let largest = soap::LARGEST as u64;
    match body.size_hint().lower() {
        announced if announced > NO_CALL => return Err(Refused::NoCall),
        announced if announced > largest => return Err(Refused::Body),
        _ => {}
    }
    let mut body = Body::within(body, settings.limits, largest, None).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(xml::decode(&bytes, None).into_owned())
}

/// Takes up an announcement.
async fn create_object<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    server: SocketAddrV4,
    body: &str,
) -> Reply {
    let refuse = |fault, why: &dyn std::fmt::Display| {
        tracing::warn!(camera = %peer.address, "file refused: {why}");
        Reply::fault(fault)
    };
    let elements = soap::argument(body, "Elements").unwrap_or_default();
    let object = match Object::parse(&elements) {
        Ok(object) => object,
        Err(why) => return refuse(Fault::BadMetadata, &why),
    };
    let Some(name) = file_name::safe(&object.title) else {
        return refuse(Fault::BadMetadata, &"its name points elsewhere");
    };
    if let Err(why) = can_be_taken(state, peer, &object, &name).await {
        return refuse(Fault::CannotProcess, &why);
    }
    let date = object.date.unwrap_or_else(|| Date::of(SystemTime::now()));
    let id = state.announcements.announce(peer.address, date, object.clone(), Instant::now());
    let id = match id {
        Ok(id) => id,
        Err(error) => return refuse(Fault::CannotProcess, &error),
    };
    let uri = format!("http://{server}{}?{}{id}", content::PATH, content::QUERY);
    let result = object.result(&id, date, &uri);
    Reply::ok(soap::response("CreateObject", &[("ObjectID", &id), ("Result", &result)]))
}

/// Refuses now what would be refused after its bytes have come.
async fn can_be_taken<I: Intake>(
    state: &State<I>,
    peer: &Peer,
    object: &Object,
    name: &str,
) -> Result<(), crate::camera::Refused> {
    use crate::camera::Refused as Upload;
    let settings = &state.settings;
    if object.size > settings.largest_upload {
        return Err(Upload::TooLarge(settings.largest_upload));
    }
    match settings.free_space.has_room(object.size).await {
        Ok(true) => {}
        Ok(false) => return Err(Upload::Full),
        Err(error) => return Err(Upload::Disk(error.to_string())),
    }
    let draft = File {
        name: name.to_owned(),
        content_type: media_type(&object.media_type, name),
        size: object.size,
        sha256: String::new(),
    };
    let lease = state.intake.begin()?;
    let draft = state::upload(lease.id(), peer, object, vec![draft], SystemTime::now());
    state.intake.offer(draft).await
}

fn unknown<I: Intake>(state: &State<I>, peer: &Peer, action: &str, head: &[u8], body: &str) {
    let end = body.floor_char_boundary(SHOWN);
    let request = [head, &body.as_bytes()[..end]].concat();
    let report = format!("Auto Backup calls {action:?}, which nobody understands yet");
    state.unknown_requests.log(&[report], peer.address.into(), &request);
}
