//! Photoshop's image resources, which may hold an EXIF block of their own. It
//! is read like any other: some programs keep the orientation nowhere else.

use crate::Refused;

const NAME: &[u8] = b"Photoshop 3.0\0";
const EXIF: u16 = 0x0422;
/// Bytes of all segments.
const LARGEST: usize = 2 << 20;

/// The resources of a picture, which may go over several segments.
#[derive(Default)]
pub struct Resources(Vec<u8>);

impl Resources {
    /// Takes an APP13 segment with this content, if it has resources.
    pub fn segment(&mut self, content: &[u8]) -> Result<(), Refused> {
        if let Some(resources) = content.strip_prefix(NAME) {
            self.0.extend(resources);
        }
        match self.0.len() > LARGEST {
            true => Err(Refused::because("its Photoshop data are too large")),
            false => Ok(()),
        }
    }

    /// The EXIF block among them.
    pub fn exif(&self) -> Option<&[u8]> {
        let mut rest = self.0.as_slice();
        loop {
            let (head, behind) = rest.split_first_chunk::<6>()?;
            let number = u16::from_be_bytes([head[4], head[5]]);
            // A name of up to 255 letters, with its length and to an even end.
            let name = (usize::from(*behind.first()?) + 1).next_multiple_of(2);
            let (size, behind) = behind.get(name..)?.split_first_chunk::<4>()?;
            let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
            let content = behind.get(..size)?;
            if head.starts_with(b"8BIM") && number == EXIF {
                return Some(content);
            }
            rest = behind.get(size.next_multiple_of(2)..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exif_block_is_found_behind_other_resources() {
        let segment =
            [NAME, b"8BIM\x04\x04\0\0\0\0\0\x03abc\0", b"8BIM\x04\x22\x03two\0\0\0\x04II*\0"];
        let mut resources = Resources::default();
        resources.segment(&segment.concat()).unwrap();
        assert_eq!(resources.exif(), Some(&b"II*\0"[..]));
        resources.0.truncate(12);
        assert_eq!(resources.exif(), None);
    }
}
