//! A list of what a stranger does, which is bounded whatever the stranger does.

/// Different things that are kept.
const KEPT: usize = 1_000;

/// Things in their order. What repeats the one before is counted, not kept.
#[derive(Debug)]
pub struct Folded<T> {
    kept: Vec<(T, usize)>,
    left_out: usize,
}

impl<T> Default for Folded<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), left_out: 0 }
    }
}

impl<T: PartialEq> Folded<T> {
    /// Takes the next one.
    pub fn push(&mut self, thing: T) {
        let is_full = self.kept.len() == KEPT;
        match self.kept.last_mut() {
            _ if self.left_out > 0 => self.left_out += 1,
            Some((last, times)) if *last == thing => *times += 1,
            _ if is_full => self.left_out = 1,
            _ => self.kept.push((thing, 1)),
        }
    }

    /// What is kept, with how often it came in a row.
    pub fn iter(&self) -> impl Iterator<Item = &(T, usize)> {
        self.kept.iter()
    }

    /// How many came after there were too many to keep.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_of_too_many_the_first_are_kept() {
        let mut folded = Folded::default();
        (0..5).for_each(|_| folded.push(0));
        assert_eq!(folded.iter().collect::<Vec<_>>(), [&(0, 5)]);
        (0..3 * KEPT).for_each(|thing| folded.push(thing % 2));
        assert_eq!(folded.iter().count(), KEPT);
        let seen: usize = folded.iter().map(|(_, times)| times).sum();
        assert_eq!(seen + folded.left_out(), 5 + 3 * KEPT);
    }
}
