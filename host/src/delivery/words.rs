//! What the log says of an upload: who, from which camera, what, whereto.

use crate::upload::{File, Upload};
use crate::values;

/// Names that are told one by one.
const NAMES: usize = 4;

/// The files in words: `SAM_0042.JPG`, or `3 files (A.JPG, B.JPG, C.JPG)`.
pub(super) fn names(files: &[File]) -> String {
    let first: Vec<&str> = files.iter().take(NAMES).map(|file| file.name.as_str()).collect();
    let names = first.join(", ");
    match files.len() {
        0 => "a text without files".to_owned(),
        1 => names,
        count if count > NAMES => format!("{count} files ({names}, ...)"),
        count => format!("{count} files ({names})"),
    }
}

/// One line about an upload that was accepted for `actions`.
pub(super) fn accepted<A: ToString>(upload: &Upload, actions: &[A]) -> String {
    let Upload { sender, camera, files, .. } = upload;
    let camera = match camera {
        Some(camera) => format!(" with {camera}"),
        None => String::new(),
    };
    let size = values::shown(files.iter().map(|file| file.size).sum());
    let actions: Vec<String> = actions.iter().map(ToString::to_string).collect();
    format!("accepted from {sender}{camera}: {}, {size}, for {}", names(files), actions.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::upload::Origin;

    #[test]
    fn an_upload_is_told_in_one_line() {
        let file = |name: &str| File {
            name: name.to_owned(),
            content_type: "image/jpeg".to_owned(),
            size: 1_600_000,
            sha256: String::new(),
        };
        let mut upload = Upload {
            id: String::new(),
            origin: Origin::Email,
            sender: "me@example.org".to_owned(),
            recipients: Vec::new(),
            subject: String::new(),
            body: String::new(),
            camera: Some("NX300".to_owned()),
            received_at: SystemTime::UNIX_EPOCH,
            files: vec![file("A.JPG"), file("B.JPG")],
            attributes: Vec::new(),
        };
        assert_eq!(
            accepted(&upload, &["store", "email.club"]),
            "accepted from me@example.org with NX300: 2 files (A.JPG, B.JPG), 3.2 MB, for store, email.club"
        );
        upload.camera = None;
        upload.files.truncate(1);
        assert_eq!(
            accepted(&upload, &["store"]),
            "accepted from me@example.org: A.JPG, 1.6 MB, for store"
        );
        let many: Vec<File> = (0..9).map(|_| file("A.JPG")).collect();
        assert_eq!(names(&many), "9 files (A.JPG, A.JPG, A.JPG, A.JPG, ...)");
    }
}
