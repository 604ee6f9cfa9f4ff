//! `FOLDER` of an action that stores: folders below the action's own, by date,
//! sender and camera.
//!
//! Safe by construction: each part is made a file name after it was filled, so
//! whatever a camera says of itself it stays one visible folder in its place.

use crate::date::Date;
use crate::file_name;
use crate::upload::Upload;

/// Folders within each other.
const DEPTH: usize = 8;

/// Folders to be made of an upload: `{year}/{month}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPattern(Vec<Vec<Piece>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Year,
    Month,
    Date,
    Sender,
    Camera,
}

/// What stands in braces.
const NAMES: [(&str, Piece); 5] = [
    ("year", Piece::Year),
    ("month", Piece::Month),
    ("date", Piece::Date),
    ("sender", Piece::Sender),
    ("camera", Piece::Camera),
];

impl FolderPattern {
    /// Reads folders with `/` between them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(written: &str) -> Result<Self, String> {
        let folders: Vec<Vec<Piece>> =
            written.split('/').map(pieces).collect::<Result<_, String>>()?;
        if folders.len() > DEPTH {
            return Err(format!("more than {DEPTH} folders within each other"));
        }
        for folder in &folders {
            let tried = filled(folder, |_| "x".to_owned());
            if !file_name::is_safe(&tried) {
                let shown = filled(folder, |piece| format!("{{{}}}", name(piece)));
                return Err(format!(
                    "{shown:?} is not the name of one visible folder; write it like \
                     \"{{year}}/{{month}}\""
                ));
            }
        }
        Ok(Self(folders))
    }

    /// The folders of `upload`: by the camera's date where it told one, else by
    /// that of receipt.
    pub fn fill(&self, upload: &Upload) -> String {
        let told = upload.attributes.iter().find(|(name, _)| name == "date");
        let date = told.and_then(|(_, date)| Date::parse(date));
        let date = date.unwrap_or_else(|| Date::of(upload.received_at));
        let (year, month) = date.year_and_month();
        let value = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Year => year.clone(),
            Piece::Month => month.clone(),
            Piece::Date => date.to_string(),
            Piece::Sender => upload.sender.clone(),
            Piece::Camera => upload.camera.clone().unwrap_or_else(|| "camera".to_owned()),
        };
        let folder = |folder: &Vec<Piece>| {
            // No folder within one: what a stranger chose may hold slashes.
            let filled = filled(folder, value).replace(['/', '\\'], "_");
            file_name::safe(&filled).unwrap_or_else(|| "_".to_owned())
        };
        self.0.iter().map(folder).collect::<Vec<_>>().join("/")
    }
}

fn filled(folder: &[Piece], value: impl Fn(&Piece) -> String) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        piece => value(piece),
    };
    folder.iter().map(text).collect()
}

fn name(piece: &Piece) -> &'static str {
    NAMES.iter().find(|(_, known)| known == piece).map_or("", |(name, _)| name)
}

fn pieces(folder: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = folder;
    while let Some((text, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').ok_or("a { without its }")?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, piece)| piece.clone());
        pieces.push(known.ok_or_else(|| {
            let known: Vec<String> = NAMES.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            format!("{{{name}}} is not known; known are {}", known.join(", "))
        })?);
        rest = behind;
    }
    if rest.contains('}') {
        return Err("a } without its {".to_owned());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::upload::Origin;

    fn upload(sender: &str, camera: Option<&str>, date: Option<&str>) -> Upload {
        Upload {
            id: String::new(),
            origin: Origin::Email,
            sender: sender.to_owned(),
            recipients: Vec::new(),
            subject: String::new(),
            body: String::new(),
            camera: camera.map(str::to_owned),
            received_at: UNIX_EPOCH + std::time::Duration::from_secs(86_400 * 15),
            files: Vec::new(),
            attributes: date.map(|date| ("date".to_owned(), date.to_owned())).into_iter().collect(),
        }
    }

    #[test]
    fn folders_follow_the_cameras_date_or_else_that_of_receipt() {
        let pattern = FolderPattern::parse("{year}/{month}/of {sender}-{camera}").unwrap();
        let dated = upload("a@example.org", Some("NX300"), Some("2014-06-01"));
        assert_eq!(pattern.fill(&dated), "2014/06/of a@example.org-NX300");
        let undated = upload("a@example.org", None, Some("../../2014"));
        assert_eq!(pattern.fill(&undated), "1970/01/of a@example.org-camera");
        let date = FolderPattern::parse("{date}").unwrap();
        assert_eq!(date.fill(&dated), "2014-06-01");
    }

    #[test]
    fn nothing_that_a_camera_says_leads_elsewhere() {
        let pattern = FolderPattern::parse("{camera}/{sender}").unwrap();
        for hostile in ["..", "../../etc", "/", "a/../../b", "", ".growing", "a\0b", "C:\\x"] {
            let filled = pattern.fill(&upload(hostile, Some(hostile), None));
            let parts: Vec<&str> = filled.split('/').collect();
            assert!(
                parts.len() == 2 && parts.iter().all(|part| file_name::is_safe(part)),
                "{filled}"
            );
        }
    }

    #[test]
    fn a_pattern_is_folders_with_known_names_in_braces() {
        for wrong in [
            "",
            "/x",
            "x/",
            "..",
            "../x",
            ".growing",
            "{yaer}",
            "{year",
            "year}",
            "a//b",
            "x\n",
            "a/b/c/d/e/f/g/h/i",
        ] {
            assert!(FolderPattern::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
