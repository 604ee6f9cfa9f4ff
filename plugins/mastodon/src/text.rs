//! The text of an upload: what is said and what is seen
//! (`Holiday shot!~fancy flower bed~traffic sign`).

use crate::settings::MissingAlt;

/// A text taken apart at `~`.
#[derive(Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// What is posted.
    pub said: &'a str,
    /// One description per picture; empty or missing ones only where the
    /// operator lets them pass.
    pub alt_texts: Vec<&'a str>,
}

/// There is no description, or an empty one.
#[derive(Debug, PartialEq, Eq)]
pub struct NoAltText;

impl<'a> Text<'a> {
    /// Takes `body` apart.
    ///
    /// # Errors
    /// A picture would have no description, and that is not to pass.
    pub fn parse(body: &'a str, missing: MissingAlt) -> Result<Self, NoAltText> {
        let mut items = body.split('~').map(str::trim);
        let said = items.next().unwrap_or_default();
        let alt_texts: Vec<&str> = items.collect();
        let complete = !alt_texts.is_empty() && alt_texts.iter().all(|text| !text.is_empty());
        match complete || missing == MissingAlt::Post {
            true => Ok(Self { said, alt_texts }),
            false => Err(NoAltText),
        }
    }

    /// The description of the file `index`, empty where there is none.
    pub fn alt_text(&self, index: usize) -> &'a str {
        self.alt_texts.get(index).copied().unwrap_or_default()
    }
}

/// The text of a post: what is said, the camera that says it, the postscript,
/// with a blank line between.
pub fn compose(said: &str, camera: Option<&str>, postscript: &str) -> String {
    let camera = camera.map(|model| format!("\u{1f4f7}\u{fe0f} {}", model.trim()));
    [Some(said), camera.as_deref(), Some(postscript)]
        .into_iter()
        .flatten()
        .filter(|paragraph| !paragraph.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Which files go into which post: pictures up to `most` together, everything
/// else alone, all in the order of the camera.
pub fn group(is_picture: &[bool], most: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, picture) in is_picture.iter().enumerate() {
        match groups.last_mut() {
            Some(last) if *picture && is_picture[last[0]] && last.len() < most => last.push(index),
            _ => groups.push(vec![index]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Text<'_>, NoAltText> {
        Text::parse(body, MissingAlt::Reject)
    }

    #[test]
    fn the_first_item_is_said_and_the_others_are_seen() {
        assert_eq!(
            parse("Holiday shot!~fancy flower bed~traffic sign"),
            Ok(Text { said: "Holiday shot!", alt_texts: vec!["fancy flower bed", "traffic sign"] })
        );
        assert_eq!(parse("~a cat"), Ok(Text { said: "", alt_texts: vec!["a cat"] }));
        assert_eq!(parse(" Hi ~ a cat \n").unwrap().alt_texts, ["a cat"]);
    }

    #[test]
    fn a_picture_without_description_is_refused() {
        for body in ["", "Waves", "Waves~", "Waves~~a cat", "Waves~ "] {
            assert_eq!(parse(body), Err(NoAltText), "{body:?}");
        }
    }

    #[test]
    fn descriptions_may_be_missing_where_the_operator_lets_them() {
        let text = Text::parse("Waves~a cat~", MissingAlt::Post).unwrap();
        assert_eq!([0, 1, 2].map(|index| text.alt_text(index)), ["a cat", "", ""]);
        assert_eq!(Text::parse("Waves", MissingAlt::Post).unwrap().said, "Waves");
    }

    #[test]
    fn a_post_has_text_camera_and_postscript() {
        assert_eq!(
            compose("Holiday shot!", Some("WB850F"), "#photo"),
            "Holiday shot!\n\n📷️ WB850F\n\n#photo"
        );
        assert_eq!(compose("Boats", None, "#photo"), "Boats\n\n#photo");
        assert_eq!(compose("", None, ""), "");
    }

    #[test]
    fn pictures_share_a_post_and_a_video_has_its_own() {
        assert_eq!(group(&[true; 5], 4), [vec![0, 1, 2, 3], vec![4]]);
        assert_eq!(group(&[true, false, true, true], 4), [vec![0], vec![1], vec![2, 3]]);
        assert_eq!(group(&[false, false], 4), [vec![0], vec![1]]);
    }
}
