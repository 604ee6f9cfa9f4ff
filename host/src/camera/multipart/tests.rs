use std::collections::VecDeque;
use std::io;

use super::*;

mod properties;

const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// `protocol.md` 13: CRLF, `--` and a boundary whose last character is wrong,
/// then CRLF, `--`, CRLF, between the beginning and the end of a JPEG file.
const J2: &[u8] = b"\xff\xd8\r\n-----------------------------7d93b9550d4Z\r\n\0\r\n--\r\n\xff\xd9";

/// Answers with its chunks one by one, then with the end or a failure.
struct Pieces {
    chunks: VecDeque<Bytes>,
    breaks: bool,
}

impl Pieces {
    fn cut(body: &[u8], mut sizes: impl FnMut() -> usize) -> Self {
        let mut chunks = VecDeque::new();
        let mut rest = Bytes::copy_from_slice(body);
        while !rest.is_empty() {
            chunks.push_back(rest.split_to(sizes().clamp(1, rest.len())));
        }
        Self { chunks, breaks: false }
    }
}

impl Chunks for Pieces {
    type Error = io::Error;

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.chunks.pop_front() {
            None if self.breaks => Err(io::ErrorKind::ConnectionReset.into()),
            chunk => Ok(chunk),
        }
    }
}

type Parts = Vec<(Part, Vec<u8>)>;

#[tokio::main(flavor = "current_thread")]
async fn read(boundary: &str, source: Pieces) -> Result<Parts, MultipartError<io::Error>> {
    let mut reader = Multipart::new(boundary, source);
    let mut parts = Parts::new();
    while let Some(part) = reader.next_part().await? {
        let mut content = Vec::new();
        while let Some(chunk) = reader.next_chunk().await? {
            assert!(!chunk.is_empty());
            content.extend_from_slice(&chunk);
        }
        parts.push((part, content));
    }
    assert!(reader.next_chunk().await?.is_none());
    assert!(reader.next_part().await?.is_none());
    Ok(parts)
}

/// The parts, which have to be the same in whatever chunks they come.
fn parts_with(boundary: &str, body: &[u8]) -> Parts {
    let parts = read(boundary, Pieces::cut(body, || body.len())).unwrap();
    for size in [1, 2, 3, 7, 1460] {
        let others = read(boundary, Pieces::cut(body, || size)).unwrap();
        assert_eq!(parts, others, "in chunks of {size} bytes");
    }
    parts
}

fn parts(body: impl AsRef<[u8]>) -> Parts {
    parts_with("b", body.as_ref())
}

/// The contents of the parts, as text.
fn contents(body: impl AsRef<[u8]>) -> Vec<String> {
    let parts = parts(body).into_iter();
    parts.map(|(_, content)| String::from_utf8(content).unwrap()).collect()
}

#[test]
fn an_email_of_the_nx300_is_understood() {
    let body = [
        b"--",
        BOUNDARY.as_bytes(),
        b"\r\ncontent-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n",
        b"content-Type: multipart/form-data;\r\n\r\n<email>\n</email>\r\n--",
        BOUNDARY.as_bytes(),
        b"\r\ncontent-disposition: form-data; name=\"binary\"; fileName=\"SAM_0042.JPG\"\r\n",
        b"content-Type: image/jpeg\r\n\r\n",
        J2,
        b"\r\n--",
        BOUNDARY.as_bytes(),
        b"\r\n",
    ]
    .concat();
    let parts = parts_with(BOUNDARY, &body);

    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].0.name, "message");
    assert_eq!(parts[0].0.file_name.as_deref(), Some("sample.txt"));
    let content_type = parts[0].0.content_type.as_deref();
    assert_eq!(content_type, Some("multipart/form-data;"));
    assert_eq!(parts[0].1, b"<email>\n</email>");
    assert_eq!(parts[1].0.name, "binary");
    assert_eq!(parts[1].0.file_name.as_deref(), Some("SAM_0042.JPG"));
    assert_eq!(parts[1].0.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(parts[1].1, J2);
}

#[test]
fn all_four_ends_add_neither_a_part_nor_a_byte() {
    for end in ["\r\n--b--", "\r\n--b--\r\n", "\r\n--b\r\n", "\r\n--b", ""] {
        assert_eq!(contents(format!("--b\r\na:\r\n\r\n1{end}")), ["1"], "{end:?}");
    }
}

#[test]
fn a_delimiter_at_the_end_may_lack_half_of_its_line_end() {
    assert_eq!(contents("--b\r\na:\r\n\r\n1\r\n--b\r"), ["1"]);
    assert_eq!(contents("--b\r\na:\r\n\r\n1\r\n--b  "), ["1"]);
}

#[test]
fn a_crlf_at_the_end_of_the_body_is_dropped_once() {
    assert_eq!(contents("--b\r\na:\r\n\r\n1\r\n"), ["1"]);
    assert_eq!(contents("--b\r\na:\r\n\r\n1\r\n\r\n"), ["1\r\n"]);
    assert_eq!(contents("--b\r\na:\r\n\r\n\r\n"), [""]);
}

#[test]
fn another_line_end_at_the_end_of_the_body_stays() {
    for end in ["\n", "\r", "\n\r", "\r\n\r", "\r\n--", "\r\n--b-", "\r\n--bc"] {
        let body = format!("--b\r\na:\r\n\r\n1{end}");
        assert_eq!(contents(body), [format!("1{end}")]);
    }
}

#[test]
fn bare_line_feeds_are_understood() {
    let body = "--b\nContent-Disposition: form-data; name=x\n\n1\n\n--b\na:\n\n2\n--b--\n";
    assert_eq!(contents(body), ["1\n", "2"]);
    assert_eq!(parts(body)[0].0.name, "x");
}

#[test]
fn a_return_before_a_bare_line_feed_is_the_last_byte_of_a_file() {
    for end in ["\n--b--\n", "\n--b--", "\n--b\n", "\n--b"] {
        assert_eq!(contents(format!("--b\na:\n\n1\r{end}")), ["1\r"], "{end:?}");
        assert_eq!(contents(format!("--b\na:\n\n\r{end}")), ["\r"], "{end:?}");
    }
    assert_eq!(contents("--b\na:\n\n1\r\n--b\na:\n\n2\r\n--b--"), ["1\r", "2\r"]);
    // Where lines end in CRLF, it belongs to the line end.
    assert_eq!(contents("--b\r\na:\r\n\r\n1\r\n--b--\n"), ["1"]);
}

#[test]
fn headers_may_end_with_a_lone_carriage_return() {
    let body = "--b\r\nContent-Disposition: form-data; name=x\rContent-Type: y\r\r1\r\n--b";
    let parts = parts(body);
    assert_eq!(parts[0].0.name, "x");
    assert_eq!(parts[0].0.content_type.as_deref(), Some("y"));
    assert_eq!(parts[0].1, b"1");
}

#[test]
fn a_preamble_and_an_epilogue_are_ignored() {
    let body = "hello --b\r\n--bc\r\n--b\r\na:\r\n\r\n1\r\n--b--\r\n--b\r\na:\r\n\r\n2";
    assert_eq!(contents(body), ["1"]);
    assert_eq!(contents("\r\n--b\r\na:\r\n\r\n1"), ["1"]);
}

#[test]
fn a_body_without_delimiter_has_no_parts() {
    assert_eq!(contents(""), [""; 0]);
    assert_eq!(contents("<Request>\r\n"), [""; 0]);
    assert_eq!(contents("--b--"), [""; 0]);
}

#[test]
fn a_near_miss_is_data() {
    for miss in [
        "\r\n--bb\r\n",
        "\r\n--b-\r\n",
        "\r\n--b x\r\n",
        "\r\n--b\rx",
        "\r\n--B\r\n",
        "\r\n --b\r\n",
        "\r\n-b\r\n",
        "\r--b\r\n",
        "--b\r\n",
        "\r\n--b \t-\r\n--",
        "\r\n--b--junk",
        "\r\n--b--\0\r\n",
        "\r\n--b-- x\r\n",
        "\r\n--b---\r\n",
        "\r\n--b--\rx",
    ] {
        let body = format!("--b\r\na:\r\n\r\n1{miss}2\r\n--b--");
        assert_eq!(contents(body), [format!("1{miss}2")]);
    }
}

#[test]
fn a_delimiter_right_behind_a_near_miss_is_found() {
    for miss in ["\r\n--", "\r\n--b-", "\r\n--b \r\r ", "\r\n--bb", "\n", "\r\n"] {
        for line_end in ["\r\n", "\n"] {
            let body = format!("--b\r\na:\r\n\r\n1{miss}{line_end}--b\r\na:\r\n\r\n2");
            assert_eq!(contents(body), [format!("1{miss}"), "2".to_owned()]);
        }
    }
    let body = "--b\r\na:\r\n\r\n1\r\n--b \r\r\n--b\r\na:\r\n\r\n2";
    assert_eq!(contents(body), ["1\r\n--b \r", "2"]);
}

#[test]
fn blanks_may_follow_the_boundary_but_not_without_end() {
    let body = |blanks| format!("--b\r\na:\r\n\r\n1\r\n--b{}\r\na:\r\n\r\n2", " ".repeat(blanks));
    assert_eq!(contents(body(128)), ["1", "2"]);
    assert_eq!(contents(body(129)).len(), 1);
}

#[test]
fn a_part_may_be_empty() {
    assert_eq!(contents("--b\r\na:\r\n\r\n\r\n--b\r\na:\r\n\r\n--b--"), ["", ""]);
}

#[test]
fn headers_cut_off_by_the_end_or_a_delimiter_make_no_part() {
    let name = "Content-Disposition: form-data; name=x";
    for end in ["", "\r\n", "\r\n--b", "\r\n--b--", "\r\n--b--\r\n\r\n1"] {
        assert_eq!(contents(format!("--b\r\n{name}{end}")), [""; 0]);
    }
    assert_eq!(contents(format!("--b\r\n{name}\r\n--b\r\na:\r\n\r\n1")), ["1"]);
}

#[test]
fn a_part_without_any_header_is_one() {
    let body = "--b\r\n\r\n1\r\n--b\r\na:\r\n\r\n2\r\n--b\r\n\r\n";
    assert_eq!(contents(body), ["1", "2", ""]);
}

/// A source that knows what stands behind its end.
struct Short {
    pieces: Pieces,
    behind: VecDeque<Bytes>,
    asked: Vec<Lacks>,
}

impl Chunks for &mut Short {
    type Error = io::Error;

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.pieces.next().await
    }

    async fn more(&mut self, lacks: Lacks) -> io::Result<Option<Bytes>> {
        self.asked.push(lacks);
        Ok(self.behind.pop_front())
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_goes_on_with_what_stands_behind_it() {
    let body = b"--b\r\na: c\r\n\r\n1234567890\r\n--b\r\na: c\r\n\r\n2\r\n--b--\r\n";
    for cut in 0..body.len() - "\r\n".len() {
        let (begin, behind) = body.split_at(cut);
        let mut source = Short {
            pieces: Pieces::cut(begin, || 7),
            behind: behind.chunks(5).map(Bytes::copy_from_slice).collect(),
            asked: Vec::new(),
        };
        let mut reader = Multipart::new("b", &mut source);
        let mut contents = Vec::new();
        while reader.next_part().await.unwrap().is_some() {
            let mut content = Vec::new();
            while let Some(chunk) = reader.next_chunk().await.unwrap() {
                content.extend_from_slice(&chunk);
            }
            contents.push(content);
        }
        assert_eq!(contents, [&b"1234567890"[..], b"2"], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_whole_body_asks_for_no_more_than_the_headers_of_another_part() {
    for (end, lacks) in [
        ("\r\n--b--\r\n", None),
        ("\r\n--b--", Some(Lacks::Nothing)),
        ("\r\n--b\r\n", Some(Lacks::Nothing)),
        ("\r\n--b", Some(Lacks::Nothing)),
        ("", Some(Lacks::Delimiter)),
        ("\r\n--b\r\nCont", Some(Lacks::Delimiter)),
    ] {
        let body = format!("--b\r\na: c\r\n\r\n1{end}");
        let pieces = Pieces::cut(body.as_bytes(), || 7);
        let mut source = Short { pieces, behind: VecDeque::new(), asked: Vec::new() };
        let mut reader = Multipart::new("b", &mut source);
        while reader.next_part().await.unwrap().is_some() {}
        assert_eq!(source.asked, Vec::from_iter(lacks), "{end:?}");
    }
}

#[test]
fn a_folded_header_is_joined() {
    let headers = "Content-Disposition: form-data;\r\n\tname=x;\r\n filename=y";
    let part = parts(format!("--b\r\n{headers}\r\n\r\n1")).remove(0).0;
    assert_eq!((part.name.as_str(), part.file_name.as_deref()), ("x", Some("y")));
}

#[test]
fn headers_beyond_their_limit_are_an_error() {
    let endless = format!("--b\r\n{}", "a: b\r\n".repeat(4000));
    let line = format!("--b\r\n{}", "a".repeat(HEADERS + 1));
    for body in [endless, line] {
        for size in [1, 1460, body.len()] {
            let result = read("b", Pieces::cut(body.as_bytes(), || size));
            assert!(matches!(result, Err(MultipartError::Headers)));
        }
    }
}

#[test]
fn parts_beyond_their_limit_are_an_error() {
    let body = "--b\r\na:\r\n\r\n\r\n".repeat(PARTS) + "--b\r\n";
    let whole = |body: &str| read("b", Pieces::cut(body.as_bytes(), || body.len()));
    assert_eq!(whole(&body).unwrap().len(), PARTS);
    let result = whole(&(body + "a:\r\n\r\n"));
    assert!(matches!(result, Err(MultipartError::Parts)));
}

#[test]
fn a_preamble_beyond_its_limit_is_an_error() {
    for (length, is_read) in [(PREAMBLE, true), (PREAMBLE + 1, false)] {
        let body = "x".repeat(length) + "\r\n--b\r\na:\r\n\r\n1";
        for size in [1460, body.len()] {
            let result = read("b", Pieces::cut(body.as_bytes(), || size));
            assert_eq!(result.is_ok(), is_read);
        }
    }
}

#[test]
fn a_failing_source_is_an_error_and_no_end() {
    let mut source = Pieces::cut(b"--b\r\na:\r\n\r\n1\r\n", || 4);
    source.breaks = true;
    assert!(matches!(read("b", source), Err(MultipartError::Source(_))));
}

#[test]
fn an_empty_chunk_is_no_end() {
    let mut source = Pieces::cut(b"--b\r\na:\r\n\r\n1\r\n--b", || 3);
    for at in (0..=source.chunks.len()).rev() {
        source.chunks.insert(at, Bytes::new());
    }
    assert_eq!(read("b", source).unwrap()[0].1, b"1");
}

#[tokio::test]
async fn a_part_not_read_to_its_end_is_skipped() {
    let body = b"--b\r\na:\r\n\r\n1234567890\r\n--b\r\na:\r\n\r\n2";
    let mut reader = Multipart::new("b", Pieces::cut(body, || 14));
    assert!(reader.next_chunk().await.unwrap().is_none());
    reader.next_part().await.unwrap().unwrap();
    reader.next_chunk().await.unwrap().unwrap();
    reader.next_part().await.unwrap().unwrap();
    assert_eq!(reader.next_chunk().await.unwrap().unwrap(), "2");
}

#[tokio::test]
async fn a_chunk_without_delimiter_is_handed_out_uncopied() {
    let chunk = Bytes::from(vec![b'x'; 1000]);
    let chunks = VecDeque::from([Bytes::from("--b\r\na:\r\n\r\n"), chunk.clone()]);
    let source = Pieces { chunks, breaks: false };
    let mut reader = Multipart::new("b", source);
    reader.next_part().await.unwrap().unwrap();
    let content = reader.next_chunk().await.unwrap().unwrap();
    assert_eq!((content.as_ptr(), content.len()), (chunk.as_ptr(), 1000));
}

#[test]
fn the_futures_can_move_between_threads() {
    fn check(_: &impl Send) {}
    let mut reader = Multipart::new("b", Pieces::cut(b"", || 1));
    check(&reader.next_part());
    check(&reader.next_chunk());
}
