//! Finds tags in what may or may not be XML.
//!
//! The scanner only moves forward, and a search that has failed once is not
//! repeated: this keeps it linear on a megabyte of `<!--` or `<a <a`.

/// Walks over a source from start tag to start tag.
pub(super) struct Scanner<'a> {
    source: &'a str,
    at: usize,
    /// By [`Section`]: whether its end is known to stand nowhere behind `at`.
    is_endless: [bool; 3],
}

/// A start tag.
pub(super) struct Tag<'a> {
    name: &'a str,
    /// What stands between the name and the end of the tag.
    attributes: &'a str,
    is_empty: bool,
}

/// Markup that hides what stands in it. Without its end it is text.
#[derive(Clone, Copy)]
pub(super) enum Section {
    Comment,
    Cdata,
    Instruction,
}

impl Section {
    pub(super) fn open(self) -> &'static str {
        match self {
            Self::Comment => "<!--",
            Self::Cdata => "<![CDATA[",
            Self::Instruction => "<?",
        }
    }

    fn close(self) -> &'static str {
        match self {
            Self::Comment => "-->",
            Self::Cdata => "]]>",
            Self::Instruction => "?>",
        }
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0, is_endless: [false; 3] }
    }

    /// The next start tag called `name`; goes behind it.
    pub(super) fn tag(&mut self, name: &str) -> Option<Tag<'a>> {
        loop {
            self.skip_to_markup();
            if self.rest().is_empty() {
                return None;
            }
            if self.skip(Section::Comment).is_some()
                || self.skip(Section::Cdata).is_some()
                || self.skip(Section::Instruction).is_some()
            {
                continue;
            }
            if let Some(length) = document_type(self.rest()) {
                self.at += length;
                continue;
            }
            let (tag, length) = Tag::parse(self.rest());
            self.at += length;
            if let Some(tag) = tag.filter(|tag| is_called(tag.name, name)) {
                return Some(tag);
            }
        }
    }

    /// The content of the element whose start tag was found last; goes behind
    /// its end tag. Whatever else looks like a tag may be text of a user.
    pub(super) fn content(&mut self, tag: &Tag<'_>) -> &'a str {
        let start = self.at;
        if tag.is_empty {
            return &self.source[start..start];
        }
        loop {
            self.skip_to_markup();
            let end = self.at;
            if self.rest().is_empty() {
                return &self.source[start..end];
            }
            if self.skip(Section::Comment).is_some() || self.skip(Section::Cdata).is_some() {
                continue;
            }
            if let Some(length) = end_tag(self.rest(), local(tag.name)) {
                self.at += length;
                return &self.source[start..end];
            }
            self.step();
        }
    }

    /// Goes to the next `<` or the end; what was skipped.
    pub(super) fn skip_to_markup(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find('<').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Goes behind the section that begins here, if one does; its content.
    pub(super) fn skip(&mut self, section: Section) -> Option<&'a str> {
        let content = self.rest().strip_prefix(section.open())?;
        if self.is_endless[section as usize] {
            return None;
        }
        let Some(length) = content.find(section.close()) else {
            self.is_endless[section as usize] = true;
            return None;
        };
        self.at += section.open().len() + length + section.close().len();
        Some(&content[..length])
    }

    /// Goes behind a `<` that is text.
    pub(super) fn step(&mut self) {
        self.at += "<".len();
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }
}

impl<'a> Tag<'a> {
    /// The value of an attribute as it stands.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        Attributes(self.attributes)
            .find(|(found, _)| is_called(found, name))
            .map(|(_, value)| value)
    }

    /// The start tag at the beginning of `source`, which begins with `<`, and
    /// its length; or else the length of what is certainly text.
    fn parse(source: &'a str) -> (Option<Self>, usize) {
        let inner = &source["<".len()..];
        let is_name =
            |first: char| first.is_ascii_alphabetic() || "_:".contains(first) || !first.is_ascii();
        if !inner.starts_with(is_name) {
            return (None, "<".len());
        }
        let (name, behind) = inner.split_at(inner.find(is_no_name).unwrap_or(inner.len()));
        let mut attributes = Attributes(behind);
        while attributes.next().is_some() {}
        let rest = attributes.0;
        let end = source.len() - rest.len();
        let (is_empty, length) = match rest.as_bytes() {
            [b'>', ..] => (false, end + 1),
            [b'/', b'>', ..] => (true, end + 2),
            _ => return (None, end),
        };
        let attributes = &behind[..behind.len() - rest.len()];
        let tag = Self { name, attributes, is_empty };
        (Some(tag), length)
    }
}

/// Names and values of the attributes in what follows the name of a tag.
///
/// Ends before `>`, `/>`, `<` or the end of the source, and leaves that there.
/// What is neither a name nor a value is skipped.
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.0 = self.0.trim_ascii_start();
            match self.0.as_bytes() {
                [] | [b'>' | b'<', ..] | [b'/', b'>', ..] => return None,
                [b'/' | b'"' | b'\'', ..] => {
                    self.0 = &self.0[1..];
                    continue;
                }
                _ => {}
            }
            let length = self.0.find(is_no_name).unwrap_or(self.0.len());
            let (name, behind) = self.0.split_at(length);
            self.0 = behind.trim_ascii_start();
            if let Some(value) = self.0.strip_prefix('=') {
                let (value, behind) = value_at(value.trim_ascii_start());
                self.0 = behind;
                return Some((name, value));
            }
        }
    }
}

/// The value at the beginning of `source`, without quotes, and what follows.
///
/// A quote that is never closed could swallow the elements behind it. It shows
/// by a `<` before the next quote and no end of an attribute behind that.
fn value_at(source: &str) -> (&str, &str) {
    let mut unquoted = source;
    for quote in ['"', '\''] {
        let Some(quoted) = source.strip_prefix(quote) else {
            continue;
        };
        unquoted = quoted;
        if let Some((value, behind)) = quoted.split_once(quote) {
            let ends = |next: char| next.is_ascii_whitespace() || "/>".contains(next);
            if !value.contains('<') || behind.is_empty() || behind.starts_with(ends) {
                return (value, behind);
            }
        }
    }
    let ends = |next: char| next.is_ascii_whitespace() || "<>".contains(next);
    let length = unquoted.find(ends).unwrap_or(unquoted.len());
    let is_empty_tag = unquoted[..length].ends_with('/') && unquoted[length..].starts_with('>');
    unquoted.split_at(length - usize::from(is_empty_tag))
}

/// The length of the end tag of `name` at the beginning of `source`. A missing
/// `>` is no reason to lose where a text ends.
fn end_tag(source: &str, name: &str) -> Option<usize> {
    let inner = source.strip_prefix("</")?;
    let (found, behind) = inner.split_at(inner.find(is_no_name).unwrap_or(inner.len()));
    if !is_called(found, name) {
        return None;
    }
    let behind = behind.trim_ascii_start();
    let behind = behind.strip_prefix('>').unwrap_or(behind);
    Some(source.len() - behind.len())
}

/// The length of the document type at the beginning of `source`, internal
/// subset included; one without end takes all.
fn document_type(source: &str) -> Option<usize> {
    const OPEN: &str = "<!DOCTYPE";
    source.get(..OPEN.len()).filter(|open| open.eq_ignore_ascii_case(OPEN))?;
    let behind = |from: usize, close: &str| {
        source[from..].find(close).map_or(source.len(), |at| from + at + close.len())
    };
    let mut is_subset = false;
    let mut at = OPEN.len();
    loop {
        let Some(found) = source[at..].find(['"', '\'', '[', ']', '<', '>']) else {
            return Some(source.len());
        };
        at += found;
        let rest = &source[at..];
        let hidden = [Section::Comment, Section::Instruction];
        if let Some(section) = hidden.iter().find(|s| rest.starts_with(s.open())) {
            at = behind(at + section.open().len(), section.close());
            continue;
        }
        at += 1;
        match &rest[..1] {
            quote @ ("\"" | "'") => at = behind(at, quote),
            "[" => is_subset = true,
            "]" => is_subset = false,
            ">" if !is_subset => return Some(at),
            _ => {}
        }
    }
}

fn is_no_name(character: char) -> bool {
    character.is_ascii_whitespace() || matches!(character, '=' | '/' | '>' | '<' | '"' | '\'')
}

/// Whether a name with or without namespace prefix is `wanted`.
fn is_called(name: &str, wanted: &str) -> bool {
    local(name).eq_ignore_ascii_case(wanted)
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}
