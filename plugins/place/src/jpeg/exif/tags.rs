//! The tags that leave: which way up the picture is, when it was taken, and
//! with what. None of them is free text, a number of an apparatus or of its
//! owner, or points anywhere.

use super::block::Value;

/// Where a tag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Directory {
    /// The picture's own, IFD0.
    Image,
    /// What the camera says of the shot, the Exif IFD.
    Photo,
    /// Which rules the file follows, the Interoperability IFD.
    Interoperability,
}

/// A tag that leaves.
pub struct Tag {
    /// Where it stands.
    pub directory: Directory,
    /// Its number.
    pub number: u16,
    /// What it is called.
    pub name: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// Whether the picture is refused when the value is none; others are left
    /// out then.
    pub is_needed: bool,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Name of a maker or a product.
    Name,
    /// A date, with or without the time, or blanks in its place.
    Date,
    /// Digits, or a difference to UTC.
    Digits,
    /// One whole number up to this.
    Number(u32),
    /// This many fractions.
    Rational(usize),
    /// This many signed fractions.
    Signed(usize),
    /// This many bytes, each up to this.
    Bytes(usize, u8),
    /// One of the names of rules: with `R03` the colours are Adobe's.
    Rules,
}

use Directory::{Image, Interoperability, Photo};
use Form::{Bytes, Date, Digits, Name, Number, Rational, Rules, Signed};

const fn needed(directory: Directory, number: u16, name: &'static str, form: Form) -> Tag {
    Tag { directory, number, name, form, is_needed: true }
}

const fn tag(directory: Directory, number: u16, name: &'static str, form: Form) -> Tag {
    Tag { directory, number, name, form, is_needed: false }
}

/// All of them.
pub const TAGS: &[Tag] = &[
    needed(Image, 0x010f, "Make", Name),
    needed(Image, 0x0110, "Model", Name),
    needed(Image, 0x0112, "Orientation", Number(8)),
    tag(Image, 0x011a, "XResolution", Rational(1)),
    tag(Image, 0x011b, "YResolution", Rational(1)),
    tag(Image, 0x0128, "ResolutionUnit", Number(3)),
    needed(Image, 0x0132, "DateTime", Date),
    tag(Image, 0x0213, "YCbCrPositioning", Number(2)),
    tag(Photo, 0x829a, "ExposureTime", Rational(1)),
    tag(Photo, 0x829d, "FNumber", Rational(1)),
    tag(Photo, 0x8822, "ExposureProgram", Number(9)),
    tag(Photo, 0x8827, "PhotographicSensitivity", Number(65_535)),
    tag(Photo, 0x8830, "SensitivityType", Number(7)),
    tag(Photo, 0x9000, "ExifVersion", Bytes(4, b'9')),
    needed(Photo, 0x9003, "DateTimeOriginal", Date),
    needed(Photo, 0x9004, "DateTimeDigitized", Date),
    needed(Photo, 0x9010, "OffsetTime", Digits),
    needed(Photo, 0x9011, "OffsetTimeOriginal", Digits),
    needed(Photo, 0x9012, "OffsetTimeDigitized", Digits),
    tag(Photo, 0x9101, "ComponentsConfiguration", Bytes(4, 6)),
    tag(Photo, 0x9102, "CompressedBitsPerPixel", Rational(1)),
    tag(Photo, 0x9201, "ShutterSpeedValue", Signed(1)),
    tag(Photo, 0x9202, "ApertureValue", Rational(1)),
    tag(Photo, 0x9203, "BrightnessValue", Signed(1)),
    tag(Photo, 0x9204, "ExposureBiasValue", Signed(1)),
    tag(Photo, 0x9205, "MaxApertureValue", Rational(1)),
    tag(Photo, 0x9207, "MeteringMode", Number(255)),
    tag(Photo, 0x9208, "LightSource", Number(255)),
    tag(Photo, 0x9209, "Flash", Number(127)),
    tag(Photo, 0x920a, "FocalLength", Rational(1)),
    needed(Photo, 0x9290, "SubSecTime", Digits),
    needed(Photo, 0x9291, "SubSecTimeOriginal", Digits),
    needed(Photo, 0x9292, "SubSecTimeDigitized", Digits),
    tag(Photo, 0xa000, "FlashpixVersion", Bytes(4, b'9')),
    tag(Photo, 0xa001, "ColorSpace", Number(65_535)),
    tag(Photo, 0xa002, "PixelXDimension", Number(65_535)),
    tag(Photo, 0xa003, "PixelYDimension", Number(65_535)),
    tag(Photo, 0xa20e, "FocalPlaneXResolution", Rational(1)),
    tag(Photo, 0xa20f, "FocalPlaneYResolution", Rational(1)),
    tag(Photo, 0xa210, "FocalPlaneResolutionUnit", Number(5)),
    tag(Photo, 0xa217, "SensingMethod", Number(8)),
    tag(Photo, 0xa300, "FileSource", Bytes(1, 3)),
    tag(Photo, 0xa301, "SceneType", Bytes(1, 1)),
    tag(Photo, 0xa401, "CustomRendered", Number(9)),
    tag(Photo, 0xa402, "ExposureMode", Number(2)),
    tag(Photo, 0xa403, "WhiteBalance", Number(1)),
    tag(Photo, 0xa404, "DigitalZoomRatio", Rational(1)),
    tag(Photo, 0xa405, "FocalLengthIn35mmFilm", Number(65_535)),
    tag(Photo, 0xa406, "SceneCaptureType", Number(3)),
    tag(Photo, 0xa407, "GainControl", Number(4)),
    tag(Photo, 0xa408, "Contrast", Number(2)),
    tag(Photo, 0xa409, "Saturation", Number(2)),
    tag(Photo, 0xa40a, "Sharpness", Number(2)),
    tag(Photo, 0xa40c, "SubjectDistanceRange", Number(3)),
    tag(Photo, 0xa432, "LensSpecification", Rational(4)),
    tag(Photo, 0xa433, "LensMake", Name),
    tag(Photo, 0xa434, "LensModel", Name),
    tag(Interoperability, 0x0001, "InteroperabilityIndex", Rules),
    tag(Interoperability, 0x0002, "InteroperabilityVersion", Bytes(4, b'9')),
];

/// Characters of a name.
const LONGEST: usize = 64;

impl Form {
    /// The value as it leaves, none if it does not look like this.
    pub fn value(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Name, Value::Text(text)) => is_name(text).then(|| value.clone()),
            (Date, Value::Text(text)) => {
                let is_date = |byte: &u8| byte.is_ascii_digit() || b":-/ TZ".contains(byte);
                (text.len() <= 25 && text.iter().all(is_date)).then(|| value.clone())
            }
            (Digits, Value::Text(text)) => {
                let is_digit = |byte: &u8| byte.is_ascii_digit() || b"+-: Z".contains(byte);
                (text.len() <= 9 && text.iter().all(is_digit)).then(|| value.clone())
            }
            (Rules, Value::Text(text)) => {
                [b"R98", b"R03", b"THM"].iter().any(|rule| text == *rule).then(|| value.clone())
            }
            (Number(most), Value::Short(numbers)) => match numbers[..] {
                [number] if u32::from(number) <= most => Some(value.clone()),
                _ => None,
            },
            (Number(most), Value::Long(numbers)) => match numbers[..] {
                [number] if number <= most => Some(value.clone()),
                _ => None,
            },
            (Rational(count), Value::Rational(fractions))
            | (Signed(count), Value::SignedRational(fractions)) => {
                (fractions.len() == count).then(|| value.clone())
            }
            (Bytes(count, most), Value::Undefined(bytes)) => {
                let is_small = |byte: &u8| *byte <= most;
                (bytes.len() == count && bytes.iter().all(is_small)).then(|| value.clone())
            }
            _ => None,
        }
    }
}

/// Whether this can be a maker's or a product's name, and no coordinate: no
/// product has three digits behind a point.
fn is_name(text: &[u8]) -> bool {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || b" -_.,/()+&*'\"#:;|[]".contains(byte);
    let digits_behind = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut points = text.iter().enumerate().filter(|(_, byte)| b".,".contains(byte));
    text.len() <= LONGEST
        && text.iter().all(is_plain)
        && points.all(|(place, _)| digits_behind(&text[place + 1..]) < 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names() {
        for name in
            ["SAMSUNG", "NX300", "DSC-RX100M5A", "EF-S18-55mm f/3.5-5.6 IS II", "WB850F/WB855F"]
        {
            assert!(is_name(name.as_bytes()), "{name}");
        }
        for name in ["48.8577 N 2.2945 E", "N48\u{b0}51'27", "48,8577"] {
            assert!(!is_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn values_are_what_their_tag_says() {
        let text = |text: &str| Value::Text(text.as_bytes().to_vec());
        assert!(Date.value(&text("2014:05:06 07:08:09")).is_some());
        assert!(Date.value(&text("    :  :     :  :  ")).is_some());
        assert!(Date.value(&text("48.8577N 2.2945E")).is_none());
        assert!(Digits.value(&text("+09:00")).is_some());
        assert!(Number(8).value(&Value::Short(vec![6])).is_some());
        assert!(Number(8).value(&Value::Short(vec![6, 48])).is_none());
        assert!(Rational(1).value(&Value::Rational(vec![(48, 1), (51, 1), (27, 1)])).is_none());
    }
}
