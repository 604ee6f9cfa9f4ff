//! From bytes to text, whatever the encoding.
//!
//! Firmware writes UTF-8, mostly: cut at some number of bytes, with surrogates
//! encoded one by one, or called UTF-8 and in truth the encoding of the market
//! that the camera was made for. A wrong guess is mojibake in somebody's mail,
//! so nothing is given up for one damaged place.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    EUC_KR, Encoding, ISO_8859_2, KOI8_R, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250,
    WINDOWS_1251, WINDOWS_1252,
};

/// The text of `bytes`; `declared` is what they are said to be encoded in, by
/// whatever name.
///
/// A byte order mark counts, then a declaration that fits the bytes, then what
/// the bytes look like. Never fails: what is damaged becomes U+FFFD, in its
/// place only. Surrogates that were encoded one by one (CESU-8) are joined.
pub fn decode<'a>(bytes: &'a [u8], declared: Option<&str>) -> Cow<'a, str> {
    match encoding(bytes, declared) {
        encoding if encoding == UTF_8 => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(String::from_utf8_lossy(&joined(bytes)).into_owned()),
            }
        }
        encoding => encoding.decode_with_bom_removal(bytes).0,
    }
}

/// The name of the encoding that [`decode`] takes `bytes` for; a hint for what
/// comes from the same camera and is too short to tell.
pub fn charset(bytes: &[u8], declared: Option<&str>) -> &'static str {
    encoding(bytes, declared).name()
}

fn encoding(bytes: &[u8], declared: Option<&str>) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    if let Some(encoding) = unmarked_utf_16(bytes) {
        return encoding;
    }
    let declared = declared.and_then(labelled).filter(|declared| {
        // It takes every byte, and is what is written who does not know.
        let knows = *declared != WINDOWS_1252 || !is_utf_8(bytes);
        knows && *declared != UTF_8 && fits(declared, bytes)
    });
    match declared {
        Some(declared) => declared,
        None if is_utf_8(bytes) => UTF_8,
        None => detected(bytes),
    }
}

/// The encoding of this name. Python, Java and Windows have names of their own.
fn labelled(name: &str) -> Option<&'static Encoding> {
    let name = name.trim().trim_matches(['"', '\'']).to_ascii_lowercase().replace('_', "-");
    let name = match name.as_str() {
        "cp949" | "ms949" | "uhc" | "x-windows-949" | "euckr" => "euc-kr",
        "cp932" | "windows-932" | "shiftjis" => "shift-jis",
        "eucjp" | "ujis" => "euc-jp",
        "cp936" | "ms936" | "windows-936" | "euc-cn" | "euccn" => "gbk",
        "cp950" | "ms950" | "windows-950" => "big5",
        "ks-c-5601-1987" | "ksc-5601" | "ks-c-5601" => "ksc5601",
        name => name,
    };
    Encoding::for_label_no_replacement(name.as_bytes())
        .or_else(|| Encoding::for_label_no_replacement(name.replace('-', "_").as_bytes()))
        // Bytes whose declaration could be read are not in UTF-16.
        .filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding))
}

/// UTF-16 without a mark: XML begins with `<`, and other text with some
/// characters of ASCII.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let begin = &bytes[..bytes.len().min(64) & !1];
    if begin.len() < 4 || !begin.contains(&0) {
        return None;
    }
    let halves = |half: usize| begin.iter().skip(half).step_by(2);
    let is_ascii = |half| halves(half).all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | 32..=126));
    let is_zero = |half| halves(half).all(|byte| *byte == 0);
    match begin {
        [b'<', 0, second, 0, ..] if *second != 0 => Some(UTF_16LE),
        [0, b'<', 0, second, ..] if *second != 0 => Some(UTF_16BE),
        _ if is_zero(1) && is_ascii(0) => Some(UTF_16LE),
        _ if is_zero(0) && is_ascii(1) => Some(UTF_16BE),
        _ => None,
    }
}

fn fits(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).is_some()
}

/// Whether `bytes` are UTF-8, whole or damaged in some places.
fn is_utf_8(bytes: &[u8]) -> bool {
    if bytes.is_ascii() {
        // An escape sequence may lead to Japanese letters.
        return memchr::memmem::find(bytes, b"\x1b$").is_none();
    }
    if str::from_utf8(bytes).is_ok() {
        return true;
    }
    let joined = joined(bytes);
    // Characters that are whole or have lost their end speak for it; bytes that
    // never stand alone speak against it, and those that begin one a little.
    let (mut good, mut bad, mut begun) = (0, 0, 0);
    let mut lone = None;
    let mut before = b' ';
    for chunk in joined.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        before = chunk.valid().bytes().last().unwrap_or(before);
        match chunk.invalid() {
            [] => {}
            [lead @ 0xc2..=0xf4] => {
                begun += 1;
                lone = Some((before, *lead));
            }
            [_] => bad += 1,
            [_, ..] => good += 1,
        }
    }
    match (good, bad, begun, lone) {
        // Half an `ä`, unless it is the Ã of a word in capitals.
        (0, 0, 1, Some((before, 0xc2 | 0xc3))) => !before.is_ascii_uppercase(),
        (0, ..) => false,
        (good, bad, begun, _) => good >= 2 * bad + begun,
    }
}

/// `bytes` with surrogates that were encoded one by one made into the
/// character that they stand for; one without the other is none.
fn joined(bytes: &[u8]) -> Cow<'_, [u8]> {
    let half = |at: usize| match bytes.get(at..at + 3) {
        Some([0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf]) => {
            Some(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f))
        }
        _ => None,
    };
    let mut whole = Vec::new();
    let mut copied = 0;
    for at in memchr::memchr_iter(0xed, bytes) {
        if at < copied {
            continue;
        }
        let Some(first) = half(at) else { continue };
        whole.extend_from_slice(&bytes[copied..at]);
        let second = half(at + 3).unwrap_or_default();
        let character = char::decode_utf16([first, second]).next();
        let character = character.and_then(Result::ok);
        let text = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        whole.extend_from_slice(text.encode_utf8(&mut [0; 4]).as_bytes());
        copied = at + if character.is_some() { 6 } else { 3 };
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    whole.extend_from_slice(&bytes[copied..]);
    Cow::Owned(whole)
}

/// What `bytes` look like that are not UTF-8.
fn detected(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let high: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii()).collect();
    let is_rare = guess.is_single_byte()
        && ![WINDOWS_1252, WINDOWS_1250, ISO_8859_2, WINDOWS_1251, KOI8_R].contains(&guess);
    if !is_rare || high.len() > FEW {
        return guess;
    }
    // Too little to tell languages apart by their letters: then what the
    // cameras' own countries write is likelier than what few owners do.
    let all = |encoding: &'static Encoding, is_likely: fn(char) -> bool| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
        text.is_some_and(|text| text.chars().all(|c| c.is_ascii() || is_likely(c)))
    };
    if all(SHIFT_JIS, |c| matches!(c, 'ぁ'..='ヿ' | '一'..='鿿')) {
        SHIFT_JIS
    } else if all(EUC_KR, |c| matches!(c, '가'..='힣')) {
        EUC_KR
    } else if high.iter().all(|byte| *byte >= 0xc0) {
        WINDOWS_1252
    } else {
        guess
    }
}

/// So few bytes beyond ASCII are too little to tell rare encodings by.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_JP, GBK, ISO_2022_JP};

    use super::*;

    /// What firmware writes around a title.
    fn document(declared: &str, title: &[u8]) -> Vec<u8> {
        let begin = format!(
            "<?xml version=\"1.0\" encoding=\"{declared}\"?>\n<email><sender>\
             Camera@samsungcamera.com</sender><title>"
        );
        [begin.as_bytes(), title, b"</title></email>"].concat()
    }

    const WRITTEN: [(&Encoding, &[&str]); 8] = [
        (EUC_KR, &["여름 휴가", "안녕", "사진", "가족 여행 사진입니다", "바다", "똠방각하"]),
        (SHIFT_JIS, &["夏休み", "こんにちは", "写真", "家族旅行の写真です", "東京タワー"]),
        (EUC_JP, &["夏休み", "こんにちは", "家族旅行の写真です", "東京タワー"]),
        (ISO_2022_JP, &["夏休み", "写真"]),
        (GBK, &["夏天", "照片", "家庭旅行的照片", "北京", "我的照片"]),
        (BIG5, &["夏天", "你好", "照片", "家庭旅行的照片", "臺北"]),
        (WINDOWS_1252, &["Küche", "Café", "Grüße aus München", "niño", "Été à la plage"]),
        (WINDOWS_1251, &["Лето", "Привет"]),
    ];

    #[test]
    fn an_encoding_that_nobody_declares_is_detected() {
        for (encoding, texts) in WRITTEN {
            for text in texts {
                let bytes = encoding.encode(text).0;
                assert_eq!(decode(&bytes, None), *text, "{}", encoding.name());
                // What the prolog says is the same on all cameras.
                let decoded = decode(&document("UTF-8", &bytes), Some("UTF-8")).into_owned();
                assert!(decoded.contains(text), "{text} in {}: {decoded}", encoding.name());
            }
        }
    }

    #[test]
    fn an_encoding_that_is_declared_is_believed_if_it_fits() {
        for (encoding, texts) in WRITTEN {
            for text in texts {
                assert_eq!(decode(&encoding.encode(text).0, Some(encoding.name())), *text);
                assert_eq!(decode(text.as_bytes(), Some("utf8")), *text);
            }
        }
        let (bytes, name) = (EUC_KR.encode("친").0, "친");
        for label in ["CP949", "ks_c_5601-1987", "\"euc_kr\"", "uhc"] {
            assert_eq!(decode(&bytes, Some(label)), name, "{label}");
        }
        assert_eq!(decode("여름".as_bytes(), Some("shift_jis")), "여름");
        assert_eq!(decode("für".as_bytes(), Some("iso-8859-1")), "für");
        assert_eq!(decode(b"plain", Some("no such encoding")), "plain");
    }

    #[test]
    fn utf_16_is_told_by_its_mark_or_its_zeros() {
        let text = "<email>여름 📷</email>";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [[b"\xff\xfe", &*little].concat(), [b"\xfe\xff", &*big].concat(), little, big]
        {
            assert_eq!(decode(&bytes, Some("UTF-8")), text);
        }
        assert_eq!(decode(b"\xef\xbb\xbf\xec\x97\xac", Some("euc-kr")), "여");
        assert_eq!(decode(b"a\0", None), "a\0");
    }

    #[test]
    fn damaged_utf_8_loses_no_more_than_the_damaged_place() {
        for (bytes, text) in [
            (&b"\xec\x97\xac\xeb\xa6\x84 \xed\x9c"[..], "여름 \u{fffd}"),
            (b"\xec\x97\xac\xeb\xa6</title>", "여\u{fffd}</title>"),
            (b"Hello \xe2\x82", "Hello \u{fffd}"),
            (b"Caf\xc3", "Caf\u{fffd}"),
            (b"Gr\xc3\xbc\xc3\x9fe \xff aus K\xc3\xb6ln", "Grüße \u{fffd} aus Köln"),
            (b"smile \xed\xa0\xbd\xed\xb8\x80!", "smile 😀!"),
            (b"half \xed\xa0\xbd!", "half \u{fffd}!"),
            (b"half \xed\xb8\x80\xed\xa0\xbd\xed\xb8\x80", "half \u{fffd}😀"),
        ] {
            assert_eq!(decode(bytes, None), text);
            assert_eq!(decode(bytes, Some("UTF-8")), text);
        }
        assert_eq!(decode(b"Caf\xe9", None), "Café");
        assert!(!decode(b"MANH\xc3", None).contains('\u{fffd}'));
    }

    #[test]
    fn a_charset_found_in_one_text_helps_with_the_next() {
        let document = document("UTF-8", &EUC_KR.encode("가족 여행 사진입니다").0);
        let charset = charset(&document, Some("UTF-8"));
        assert_eq!(charset, "EUC-KR");
        assert_eq!(decode(&EUC_KR.encode("친.JPG").0, Some(charset)), "친.JPG");
    }
}
