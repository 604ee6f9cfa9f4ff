//! `POST /<service>/photo` and `/video`: a file will come, and is told where
//! to go (`protocol.md` 3.3, 3.4).

use hyper::Request;
use hyper::body::Incoming as HttpBody;

use super::{Kind, VIDEO_SERVICES};
use crate::camera::body::Body;
use crate::camera::reply::{Refused, Reply};
use crate::camera::state::State;
use crate::camera::{Intake, media};
use crate::spool::Announcement;
use crate::text;
use crate::xml::Xml;

/// Longest name in a ResourceID: with the rest of it 64 characters, the most
/// that an attribute should have for the sake of cameras' buffers
/// (`protocol.md` 1.4).
const LONGEST_NAME: usize = 24;

pub(super) async fn answer<I: Intake>(
    state: &State<I>,
    service: &str,
    kind: Kind,
    request: Request<HttpBody>,
) -> Result<Reply, Refused> {
    if kind == Kind::Video && !VIDEO_SERVICES.contains(&service) {
        return Err(Refused::NoVideos(service.to_owned()));
    }
    let body = Body::open(request, &state.settings).await?.text().await?;
    if body.trim().is_empty() {
        return Err(Refused::malformed("Empty request"));
    }
    let announced = Xml::new(&body);
    let session = announced.attribute("Request", "SessionKey").unwrap_or_default();
    super::user(state, &session).await?;
    let name = announced.attribute("File", "Name").unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Refused::malformed("No file name"));
    }
    let file_name = media::safe_name(&name)?;
    let resource = resource(&file_name);
    let announcement = Announcement {
        service: service.to_owned(),
        file_name,
        camera: announced
            .attribute("Album", "Name")
            .map(|name| text::one_line(&name).trim().to_owned()),
        content: announced
            .element("Content")
            .map(|content| content.text().trim().to_owned())
            .unwrap_or_default(),
    };
    let resource =
        state.sessions.announce(&session, &resource, announcement).await.map_err(Refused::disk)?;
    Ok(Reply::ok(format!(
        "<Response HostAddr=\"snsgw.samsungmobile.com:80\" \
         ResourceID=\"upload/{session}/{resource}\" />"
    )))
}

/// A name of characters that neither XML nor an address has to escape, since
/// cameras do not unescape (`protocol.md` 3.3).
fn resource(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .collect();
    match plain.rsplit_once('.') {
        _ if plain.len() <= LONGEST_NAME => plain,
        Some((stem, extension)) if extension.len() < 8 && !stem.is_empty() => {
            let stem = &stem[..stem.len().min(LONGEST_NAME - 1 - extension.len())];
            format!("{stem}.{extension}")
        }
        _ => plain[..LONGEST_NAME].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_needs_no_escaping_and_stays_short() {
        let cases = [
            ("SAM_0042.JPG", "SAM_0042.JPG"),
            ("여름 1.JPG", "___1.JPG"),
            ("a&b<c>\".jpg", "a_b_c__.jpg"),
            ("a-very-long-name-of-a-file.JPG", "a-very-long-name-of-.JPG"),
            ("no-extension-at-all-but-long", "no-extension-at-all-but-"),
        ];
        for (name, expected) in cases {
            assert_eq!(resource(name), expected);
        }
    }
}
