//! A lenient scanner for the XML cameras send.
//!
//! A parser would refuse what cameras call XML: stray text, unescaped `&` and
//! `<`, garbage after the root (`protocol.md` 2, D18, D19). So this looks up
//! values by element and attribute name and takes everything else for text.
//! Nothing here can fail; what is not found is `None`.
//!
//! Names are compared without case and namespace prefix. Comments, processing
//! instructions and document types are skipped, and no entity definition is
//! ever used: the answer to entity expansion attacks (`protocol.md` 13, A39).
//! Each query takes time linear in the source, whatever the source.

use std::borrow::Cow;

use crate::text;

use self::scanner::{Scanner, Section};

mod scanner;

/// The text of an XML body, whatever its encoding: `charset` is what the
/// request says of it, which counts more than the prolog.
pub fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Cow<'a, str> {
    text::decode(bytes, charset.or_else(|| declared(bytes)))
}

/// The encoding that the prolog of `bytes` claims.
pub fn declared(bytes: &[u8]) -> Option<&str> {
    let begin = bytes[..bytes.len().min(PROLOG)].trim_ascii_start();
    let end = memchr::memmem::find(begin, b"?>")?;
    let prolog = str::from_utf8(&begin[..end]).ok()?.strip_prefix("<?xml")?;
    let (_, value) = prolog.split_once("encoding")?;
    let value = value.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    let quote = value.chars().next().filter(|quote| "\"'".contains(*quote))?;
    value[1..].split_once(quote).map(|(encoding, _)| encoding)
}

/// Bytes within which a prolog ends.
const PROLOG: usize = 256;

/// A piece of XML: a document or the content of an element.
#[derive(Clone, Copy, Debug)]
pub struct Xml<'a> {
    source: &'a str,
}

impl<'a> Xml<'a> {
    /// Looks into `source`, which may be anything.
    pub fn new(source: &'a str) -> Self {
        Self { source }
    }

    /// The piece as it stands.
    pub fn source(self) -> &'a str {
        self.source
    }

    /// The content of the first element called `name`, at whatever depth.
    ///
    /// It runs to the end tag of the same name, or without one to the end of
    /// this piece; so elements inside others of the same name are not
    /// supported. The content of `<name/>` is empty.
    pub fn element(self, name: &str) -> Option<Xml<'a>> {
        self.elements(name).next()
    }

    /// The contents of all elements called `name`, at whatever depth, in the
    /// order of the document; each as [`Self::element`] understands it.
    pub fn elements(self, name: &str) -> impl Iterator<Item = Xml<'a>> {
        let mut scanner = Scanner::new(self.source);
        std::iter::from_fn(move || {
            let tag = scanner.tag(name)?;
            Some(Xml::new(scanner.content(&tag)))
        })
    }

    /// The value of `attribute` in the first element called `element`, at
    /// whatever depth, that has it; entities decoded as in [`Self::text`].
    ///
    /// The value may stand in double or single quotes, or in none.
    pub fn attribute(self, element: &str, attribute: &str) -> Option<String> {
        let mut scanner = Scanner::new(self.source);
        while let Some(tag) = scanner.tag(element) {
            if let Some(value) = tag.attribute(attribute) {
                return Some(unescaped(value));
            }
        }
        None
    }

    /// The text of this piece, blanks and all.
    ///
    /// Comments are dropped, CDATA sections unwrapped, the five predefined
    /// entities and numeric references decoded. Everything else stays as it
    /// stands, unknown entities and tags too: the texts of cameras have no
    /// markup, so what looks like a tag was typed by somebody.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(self.source.len());
        let mut scanner = Scanner::new(self.source);
        loop {
            text.push_str(&unescaped(scanner.skip_to_markup()));
            if scanner.rest().is_empty() {
                return text;
            }
            if scanner.skip(Section::Comment).is_some() {
                continue;
            }
            if let Some(content) = scanner.skip(Section::Cdata) {
                text.push_str(content);
            } else if let Some(content) = scanner.rest().strip_prefix(Section::Cdata.open()) {
                return text + content;
            } else {
                text.push('<');
                scanner.step();
            }
        }
    }
}

/// Decodes the entities that need no definition; all others stay.
fn unescaped(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        let found = surrogates(&rest[at..]).or_else(|| entity(&rest[at..]));
        let (character, length) = found.unwrap_or(('&', 1));
        decoded.push(character);
        rest = &rest[at + length..];
    }
    decoded + rest
}

/// The character that an entity at the beginning stands for, and the length of
/// the entity.
fn entity(text: &str) -> Option<(char, usize)> {
    // The longest is `&#1114111;`; the limit keeps a run of `&` linear.
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let character = match &text[1..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        reference => numeric(reference.strip_prefix('#')?)?,
    };
    Some((character, end + 1))
}

/// The character of two references to its halves, `&#xD83D;&#xDE00;`, which
/// are written by whoever thinks in UTF-16, and the length of both.
fn surrogates(text: &str) -> Option<(char, usize)> {
    let half = |text: &str| {
        let end = text.bytes().take(12).position(|byte| byte == b';')?;
        let code = code(text[..end].strip_prefix("&#")?)?;
        Some((u16::try_from(code).ok()?, end + 1))
    };
    let (first, length) = half(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return None;
    }
    let (second, more) = half(&text[length..])?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, length + more))
}

fn numeric(reference: &str) -> Option<char> {
    char::from_u32(code(reference)?).filter(|&character| character != '\0')
}

fn code(reference: &str) -> Option<u32> {
    let (digits, radix) = match reference.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (reference, 10),
    };
    // `from_str_radix` would take a sign, too.
    let has_digits = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| has_digits)
}

#[cfg(test)]
mod tests;
