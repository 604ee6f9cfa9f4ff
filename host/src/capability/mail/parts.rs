//! The parts of a message: text and attachments, built by lettre, with the
//! files of the upload left out until they are sent.

use lettre::message::header::{ContentDisposition, ContentTransferEncoding, ContentType};
use lettre::message::{Body, MultiPart, SinglePart};

use super::header::one_line;
use super::stream::Piece;
use crate::contract::mail::{Message, Part};
use crate::upload::Delivery;

/// Bytes of one line of text that goes as it is; RFC 5321 4.5.3.1.6 allows 998.
const LONGEST_LINE: usize = 900;

/// The text and the attachments: what goes with the header, and the rest.
pub(super) fn parts(
    delivery: &Delivery,
    message: &Message,
    mark: &str,
) -> Result<(Vec<u8>, Vec<Piece>), String> {
    let boundary = format!("=_{}", &mark[..32]);
    let plain = words(ContentType::TEXT_PLAIN, &message.text);
    let mixed = MultiPart::mixed().boundary(&boundary);
    let mut whole = match &message.html {
        Some(html) => mixed.multipart(
            MultiPart::alternative()
                .boundary(format!("{boundary}_text"))
                .singlepart(plain)
                .singlepart(words(ContentType::TEXT_HTML, html)),
        ),
        None => mixed.singlepart(plain),
    };
    let mut files = Vec::new();
    for part in &message.parts {
        whole = whole.singlepart(match part {
            Part::File(index) => {
                let file = delivery.upload.files.get(*index as usize);
                let file = file.ok_or_else(|| format!("the upload has no file {index}"))?;
                let place = format!("@{mark}.{}@", files.len());
                let path = delivery.copy.path(file);
                files.push((place.clone(), Piece::File { path, size: file.size }));
                let body = Body::dangerous_pre_encoded(
                    place.into_bytes(),
                    ContentTransferEncoding::Base64,
                );
                attachment(&file.name, &file.content_type, body)?
            }
            Part::Inline(inline) => {
                let data = inline.data.clone();
                let data = Body::new_with_encoding(data, ContentTransferEncoding::Base64)
                    .map_err(|_| "a part cannot be encoded".to_owned())?;
                attachment(&inline.name, &inline.content_type, data)?
            }
        });
    }
    splice(whole.formatted(), files)
}

fn attachment(name: &str, content_type: &str, body: Body) -> Result<SinglePart, String> {
    let name = one_line("a file name", name)?;
    let content_type = one_line("a media type", content_type)?;
    let content_type = ContentType::parse(content_type)
        .map_err(|_| format!("{content_type:?} is no media type"))?;
    Ok(SinglePart::builder()
        .header(content_type)
        .header(ContentDisposition::attachment(name))
        .body(body))
}

/// A text for readers, as it is where every server passes it on so.
fn words(content_type: ContentType, text: &str) -> SinglePart {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let passes = |line: &str| {
        line.len() <= LONGEST_LINE
            && line.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic())
    };
    let is_plain = text.split("\r\n").all(passes);
    let others = text.bytes().filter(|b| !b.is_ascii()).count();
    let encoding = match others * 5 > text.len() {
        true => ContentTransferEncoding::Base64,
        false => ContentTransferEncoding::QuotedPrintable,
    };
    let body = match is_plain {
        true => Body::dangerous_pre_encoded(text.into(), ContentTransferEncoding::SevenBit),
        false => Body::new_with_encoding(text, encoding).expect("both encodings take every byte"),
    };
    SinglePart::builder().header(content_type).body(body)
}

/// Puts `files` into the places that they left in `whole`, in order: what
/// stands before the first, and the rest.
fn splice(whole: Vec<u8>, files: Vec<(String, Piece)>) -> Result<(Vec<u8>, Vec<Piece>), String> {
    let mut first = None;
    let mut pieces = Vec::new();
    let mut rest = whole.as_slice();
    for (place, file) in files {
        let at = memchr::memmem::find(rest, place.as_bytes())
            .ok_or_else(|| "a part got lost in its message".to_owned())?;
        let before = rest[..at].to_vec();
        match first {
            None => first = Some(before),
            Some(_) => pieces.push(Piece::Bytes(before)),
        }
        pieces.push(file);
        rest = &rest[at + place.len()..];
    }
    match first {
        None => Ok((whole, pieces)),
        Some(first) => {
            pieces.push(Piece::Bytes(rest.to_vec()));
            Ok((first, pieces))
        }
    }
}
