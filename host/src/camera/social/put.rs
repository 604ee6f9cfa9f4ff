//! `PUT /upload/<session>/<name>`: the bytes of a file (`protocol.md` 3.5).
//! Mostly it was announced; a camera that announces one of several, or none,
//! is taken by what its session said last.

use std::time::SystemTime;

use hyper::Request;
use hyper::body::Incoming as HttpBody;
use hyper::header::CONTENT_TYPE;

use crate::camera::Intake;
use crate::camera::body::{self, Body};
use crate::camera::file::{self, Begun};
use crate::camera::reply::{Refused, Reply, SUCCESS};
use crate::camera::state::{Caller, State};
use crate::digest;
use crate::upload::{Origin, Upload};

pub(super) async fn receive<I: Intake>(
    state: &State<I>,
    session: &str,
    resource: &str,
    request: Request<HttpBody>,
    caller: &Caller,
) -> Result<Reply, Refused> {
    let received_at = SystemTime::now();
    let sender = super::user(state, session).await?;
    let announced = state.sessions.announcement(session, resource).await.map_err(Refused::disk)?;
    let (announced, name) = match announced {
        Some(announced) => (announced.clone(), announced.file_name),
        None => {
            let last = state.sessions.latest(session).await.map_err(Refused::disk)?;
            (last.ok_or(Refused::NotAnnounced)?, resource.to_owned())
        }
    };

    let content_type = body::header(request.headers(), &CONTENT_TYPE);
    let mut content = Begun::new(Body::open(request, &state.settings).await?).await?;
    if content.is_empty() {
        return Err(Refused::Malformed(format!("{name} is empty")));
    }
    let mut lease = state.intake.begin()?;
    let held = state.memory.hold(&caller.share);
    file::receive(&mut content, &name, content_type.as_deref(), &mut lease, held).await?;

    let upload = Upload {
        id: lease.id().to_owned(),
        // Who reads the ledger must not be able to send in the camera's name.
        origin: Origin::Social {
            service: announced.service,
            session: digest::sha256(session.as_bytes()),
        },
        sender,
        recipients: Vec::new(),
        subject: String::new(),
        body: announced.content,
        camera: announced.camera.filter(|camera| !camera.is_empty()),
        received_at,
        files: lease.files().to_vec(),
        attributes: Vec::new(),
    };
    state.intake.accept(upload, lease).await?;
    Ok(Reply::ok(SUCCESS))
}
