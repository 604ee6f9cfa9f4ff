//! `PUT /upload/<session>/<name>`: the bytes of an announced file
//! (`protocol.md` 3.5).

use std::time::SystemTime;

use hyper::Request;
use hyper::body::Incoming as HttpBody;
use hyper::header::CONTENT_TYPE;

use crate::camera::body::Body;
use crate::camera::reply::{Refused, Reply, SUCCESS};
use crate::camera::state::State;
use crate::camera::{Intake, file};
use crate::digest;
use crate::upload::{Origin, Upload};

pub(super) async fn receive<I: Intake>(
    state: &State<I>,
    session: &str,
    resource: &str,
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    let received_at = SystemTime::now();
    let sender = super::user(state, session).await?;
    let announced = state.sessions.announcement(session, resource).await.map_err(Refused::disk)?;
    let announced = announced.ok_or(Refused::NotAnnounced)?;

    let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    let content_type = content_type.map(|value| String::from_utf8_lossy(value).into_owned());
    let mut body = Body::open(request.into_body(), &state.settings).await?;
    let mut lease = state.intake.begin()?;
    let name = &announced.file_name;
    file::receive(&mut body, name, content_type.as_deref(), &mut lease).await?;

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
