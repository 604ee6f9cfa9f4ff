//! One file of an upload, from the network to the disk.

use super::multipart::Chunks;
use super::reply::Refused;
use crate::file_name;
use crate::spool::Lease;

/// Takes the file that `chunks` brings into `lease`. Name and media type
/// are as the camera sent them.
///
/// # Errors
/// The source's or the disk's; a name that points elsewhere; an empty file.
pub(super) async fn receive(
    chunks: &mut impl Chunks<Error = Refused>,
    name: &str,
    content_type: Option<&str>,
    lease: &mut Lease,
) -> Result<(), Refused> {
    let name = safe_name(name)?;
    let content_type = media_type(content_type, &name);
    let mut file = lease.create_file(&name, content_type).map_err(Refused::disk)?;
    while let Some(chunk) = chunks.next().await? {
        file.append(&chunk).await.map_err(Refused::disk)?;
    }
    lease.finish_file(file).await.map_err(Refused::disk)?;
    match lease.files().last() {
        Some(file) if file.size == 0 => Err(Refused::malformed(&format!("{} is empty", file.name))),
        _ => Ok(()),
    }
}

/// The name under which a file may be kept.
///
/// # Errors
/// It points upwards.
pub(super) fn safe_name(name: &str) -> Result<String, Refused> {
    file_name::safe(name).ok_or_else(|| Refused::malformed("Bad file name"))
}

/// The media type that others understand (`protocol.md` 2, D20); by the name's
/// extension where the camera says nothing useful.
fn media_type(sent: Option<&str>, name: &str) -> String {
    let sent = sent.and_then(|sent| sent.split(';').next()).unwrap_or_default();
    let sent = sent.trim().to_ascii_lowercase();
    let plausible = sent.split_once('/').is_some_and(|(kind, subtype)| {
        ["image", "video", "audio"].contains(&kind)
            && !subtype.is_empty()
            && subtype.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match (sent.as_str(), extension.as_deref()) {
        ("image/pjpeg" | "image/jpg", _) => "image/jpeg".to_owned(),
        _ if plausible => sent,
        (_, Some("jpg" | "jpeg")) => "image/jpeg".to_owned(),
        (_, Some("mp4")) => "video/mp4".to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_that_others_understand() {
        assert_eq!(media_type(Some("image/pjpeg"), "A.JPG"), "image/jpeg");
        assert_eq!(media_type(Some("video/mp4;"), "A.MP4"), "video/mp4");
        assert_eq!(media_type(None, "A.JPG"), "image/jpeg");
        assert_eq!(media_type(Some("text/html"), "A.SRW"), "application/octet-stream");
    }
}
