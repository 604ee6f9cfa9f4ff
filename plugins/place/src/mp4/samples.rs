//! Where the samples of picture and sound lie.

use std::ops::Range;

use crate::Refused;

/// Places that are noted: chunks, less those that follow each other. A video
/// of hours has some ten thousand.
const MOST: usize = 1_500_000;

/// The places of samples.
#[derive(Default)]
pub struct Samples(Vec<Range<u64>>);

impl Samples {
    /// Notes `length` bytes from `at`.
    pub fn add(&mut self, at: u64, length: u64) -> Result<(), Refused> {
        let end = at.checked_add(length);
        let end = end.ok_or_else(|| Refused::because("its video points outside"))?;
        let noted = self.0.len();
        match self.0.last_mut() {
            _ if length == 0 => {}
            Some(last) if last.end == at => last.end = end,
            _ if noted >= MOST => {
                return Err(Refused::because("its video has too many parts"));
            }
            _ => self.0.push(at..end),
        }
        Ok(())
    }

    /// What of `media`, the contents of the `mdat` boxes in their order, is no
    /// sample. `changed` is what changes elsewhere, and `end` the file's.
    ///
    /// # Errors
    /// A sample lies where something changes, or outside of the file.
    pub fn unused(
        &mut self,
        media: &[Range<u64>],
        mut changed: Vec<Range<u64>>,
        end: u64,
    ) -> Result<Vec<Range<u64>>, Refused> {
        self.0.sort_by_key(|range| range.start);
        changed.sort_by_key(|range| range.start);
        let samples = union(&self.0);
        let mut changed = union(&changed).into_iter().peekable();
        for sample in &samples {
            while changed.next_if(|changed| changed.end <= sample.start).is_some() {}
            if changed.peek().is_some_and(|changed| changed.start < sample.end) {
                return Err(Refused::because("samples of its video lie in other parts of it"));
            }
            if sample.end > end {
                return Err(Refused::because("its video is cut off"));
            }
        }
        let mut samples = samples.into_iter().peekable();
        let mut unused = Vec::new();
        for media in media {
            let mut at = media.start;
            while let Some(sample) = samples.peek().filter(|sample| sample.start < media.end) {
                if sample.start > at {
                    unused.push(at..sample.start);
                }
                at = at.max(sample.end);
                if sample.end > media.end {
                    break;
                }
                samples.next();
            }
            if at < media.end {
                unused.push(at..media.end);
            }
        }
        Ok(unused)
    }
}

/// Sorted ranges as few that do not touch.
fn union(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut union: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match union.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => union.push(range.clone()),
        }
    }
    union
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sample_is_told() {
        let mut samples = Samples::default();
        for (at, length) in [(60, 10), (10, 5), (15, 5), (62, 2), (30, 0)] {
            samples.add(at, length).unwrap();
        }
        let mut unused = |media: &[Range<u64>], changed| samples.unused(media, changed, 80);
        let told = [8..10, 20..40, 50..60, 70..80];
        assert_eq!(unused(&[8..40, 50..80], Vec::new()).unwrap(), told);
        // A sample over the edge of the media data stays, too.
        assert_eq!(unused(&[12..40, 66..80], Vec::new()).unwrap(), [20..40, 70..80]);
        assert_eq!(unused(&[12..63, 65..80], vec![20..22, 20..60]).unwrap(), [20..60, 70..80]);
        assert!(unused(&[8..40, 50..80], vec![3..5, 4..11]).is_err());
        assert!(samples.unused(&[8..40, 50..60], Vec::new(), 69).is_err());
    }
}
