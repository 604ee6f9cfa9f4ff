//! Who has got the message and who never will, kept from attempt to attempt.

/// Bytes of what is noted of one recipient, which 200 of them have room for.
const LONGEST_NOTE: usize = 320;

/// What is settled, by recipient.
#[derive(Default)]
pub(crate) struct Outcomes {
    sent: Vec<String>,
    refused: Vec<(String, String)>,
}

impl Outcomes {
    /// Reads notes: a line `+address`, or `-address` and the server's words.
    pub(crate) fn read(notes: &[u8]) -> Self {
        let mut outcomes = Self::default();
        for line in String::from_utf8_lossy(notes).lines() {
            if let Some(address) = line.strip_prefix('+') {
                outcomes.sent.push(address.to_owned());
            } else if let Some((address, words)) =
                line.strip_prefix('-').and_then(|line| line.split_once('\t'))
            {
                outcomes.refused.push((address.to_owned(), words.to_owned()));
            }
        }
        outcomes
    }

    /// The notes that [`Self::read`] reads.
    pub(crate) fn notes(&self) -> Vec<u8> {
        let refused = self.refused.iter().map(|(address, words)| {
            let words = words.replace(char::is_control, " ");
            format!("-{address}\t{words}\n")
        });
        [self.notes_of_sent(), refused.collect::<String>().into_bytes()].concat()
    }

    /// The same without those who were refused.
    pub(crate) fn notes_of_sent(&self) -> Vec<u8> {
        let sent = self.sent.iter().map(|address| format!("+{address}\n"));
        sent.collect::<String>().into_bytes()
    }

    /// Those of `recipients` for whom nothing is settled.
    pub(crate) fn open(&self, recipients: &[String]) -> Vec<String> {
        let settled = |address: &&String| {
            self.sent.contains(address)
                || self.refused.iter().any(|(refused, _)| refused == *address)
        };
        recipients.iter().filter(|address| !settled(address)).cloned().collect()
    }

    /// Whether nothing is settled for anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.refused.is_empty()
    }

    pub(crate) fn sent(&mut self, address: String) {
        self.sent.push(address);
    }

    pub(crate) fn refused(&mut self, address: String, mut words: String) {
        let rest = LONGEST_NOTE.saturating_sub(address.len());
        words.truncate(words.floor_char_boundary(rest));
        self.refused.push((address, words));
    }

    pub(crate) fn summary(&self) -> String {
        format!("mailed to {}", self.sent.join(", "))
    }

    /// Who was refused for good, if anybody was, and who has got it
    /// nevertheless.
    pub(crate) fn refusal(&self) -> Option<String> {
        let mut words: Vec<&str> = self.refused.iter().map(|(_, words)| words.as_str()).collect();
        words.dedup();
        let text = Some(words.join("; ")).filter(|_| !words.is_empty())?;
        Some(match self.sent.is_empty() {
            true => text,
            false => format!("{text} ({})", self.summary()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notes_of_two_hundred_recipients_have_room() {
        let mut outcomes = Outcomes::default();
        for number in 0..200 {
            let address = format!("{number:0250}@example.org");
            outcomes.refused(address, "무슨 일이야 ".repeat(100));
        }
        assert!(outcomes.notes().len() <= 64 << 10);
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        let mut outcomes = Outcomes::default();
        outcomes.sent("a@example.org".to_owned());
        outcomes.refused("b@example.org".to_owned(), "550 no\nsuch user".to_owned());
        let read = Outcomes::read(&outcomes.notes());
        let recipients = ["a@example.org", "b@example.org", "c@example.org"].map(str::to_owned);
        assert_eq!(read.open(&recipients), ["c@example.org"]);
        let refusal = "550 no such user (mailed to a@example.org)";
        assert_eq!(read.refusal().as_deref(), Some(refusal));
    }
}
