use std::io::Cursor;

use super::*;
use crate::plan;

fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], content].concat()
}

fn full(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    part(kind, &[&[0; 4][..], &bytes].concat())
}

/// A track whose only chunk of two samples lies at `at`.
fn track(number: u8, handler: &[u8; 4], codec: &[u8; 4], at: u32, sizes: [u32; 2]) -> Vec<u8> {
    let mut header = [0; 84];
    header[15] = number;
    let named = [&[0; 8][..], handler, &[0; 12], b"handler of PARIS\0"].concat();
    let fixed = if handler == b"vide" { 78 } else { 28 };
    let mut entry = vec![0; fixed];
    entry[7] = 1;
    let needed =
        if handler == b"vide" { part(b"avcC", &[1, 2, 3, 4, 0]) } else { part(b"esds", &[3]) };
    let entry = part(codec, &[entry, needed, part(b"uuid", b"PARIS")].concat());
    let data = part(b"url ", &[0, 0, 0, 1]);
    let tables = [
        part(b"stsd", &[&[0; 7][..], &[1], &entry].concat()),
        full(b"stts", &[1, 2, 1]),
        full(b"stsc", &[1, 1, 2, 1]),
        full(b"stsz", &[0, 2, sizes[0], sizes[1]]),
        full(b"stco", &[1, at]),
    ];
    let information = [
        part(b"vmhd", &[0; 12]),
        part(b"dinf", &part(b"dref", &[&[0; 7][..], &[1], &data].concat())),
        part(b"stbl", &tables.concat()),
    ];
    let media =
        [part(b"mdhd", &[0; 24]), part(b"hdlr", &named), part(b"minf", &information.concat())];
    part(b"trak", &[part(b"tkhd", &header), part(b"mdia", &media.concat())].concat())
}

const MEDIA: &[u8] = b"PARISpicture48.8577soundPARIS";
const FTYP: &[u8] = b"isom\0\0\x02\0isommp42";

/// Media data, which begin with byte 32, and then the header.
fn video(first: &[u8], tracks: &[Vec<u8>], user_data: &[u8]) -> Vec<u8> {
    let movie = [part(b"mvhd", &[0; 100]), tracks.concat(), part(b"udta", user_data)].concat();
    [first.to_vec(), part(b"mdat", MEDIA), part(b"moov", &movie)].concat()
}

fn picture() -> Vec<u8> {
    track(1, b"vide", b"avc1", 37, [3, 4])
}

fn stripped(file: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    let pieces = crate::strip(Cursor::new(file))?;
    plan::write(&mut Cursor::new(file), &pieces, &mut out)?;
    Ok(out)
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn samples_stay_and_everything_around_them_goes() {
    let sound = track(2, b"soun", b"mp4a", 51, [2, 3]);
    let gps = track(3, b"meta", b"gpmd", 44, [3, 4]);
    let user_data = [
        part(b"\xa9mod", b"\0\x05\0\0NX300"),
        part(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.295/"),
        part(b"\xa9nam", b"\0\x05\0\0PARIS"),
    ];
    let file = video(&part(b"ftyp", FTYP), &[picture(), sound, gps], &user_data.concat());
    let out = stripped(&file).unwrap();
    assert_eq!(out.len(), file.len());
    assert_eq!(&out[32..61], b"\0\0\0\0\0picture\0\0\0\0\0\0\0sound\0\0\0\0\0");
    for word in ["PARIS", "48.8577", "gpmd", "\u{a9}xyz"] {
        assert!(!holds(&out, word), "{word}");
    }
    assert!(holds(&out, "NX300"));
    assert_eq!(stripped(&out).unwrap(), out);
}

#[test]
fn messages_of_a_camera_in_the_samples_become_filler() {
    let message = [&b"\x06\x05\x1a"[..], &[0x17; 16], b"MDPM\x01\xb2N48\0", b"\x80"].concat();
    let unit = |bytes: &[u8]| [&[u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let sample = [unit(&message), unit(b"\x65slice")].concat();
    let sizes = [u32::try_from(sample.len()).unwrap(), 0];
    let movie =
        part(b"moov", &[part(b"mvhd", &[0; 100]), track(1, b"vide", b"avc1", 32, sizes)].concat());
    let file = [part(b"ftyp", FTYP), part(b"mdat", &sample), movie].concat();
    let out = stripped(&file).unwrap();
    assert!(!holds(&out, "MDPM") && !holds(&out, "N48"));
    assert_eq!(out[24 + 8 + message.len() + 1..][..7], file[24 + 8 + message.len() + 1..][..7]);
    assert_eq!(&out[32..36], b"\x1e\x06\x03\x1a");
    assert_eq!(stripped(&out).unwrap(), out);
}

#[test]
fn a_first_box_that_is_no_type_is_emptied_like_any_other() {
    for kind in [b"uuid", b"free", b"pnot"] {
        let file = video(&part(kind, b"PARISTEXT+48.857"), &[picture()], b"");
        let out = stripped(&file).unwrap();
        assert!(out.starts_with(b"\0\0\0\x18free\0\0"), "{kind:?}");
        assert!(!holds(&out, "PARIS"), "{kind:?}");
    }
}

#[test]
fn samples_that_point_at_what_changes_or_outside_refuse_the_video() {
    for (first, at, sizes) in
        [(b"uuid", 10, [3, 4]), (b"uuid", 2, [3, 4]), (b"free", 1 << 30, [1, 1])]
    {
        let first = part(first, b"+48.8577isommp42");
        let file = video(&first, &[track(1, b"vide", b"avc1", at, sizes)], b"");
        assert!(stripped(&file).is_err(), "{at}");
    }
}

#[test]
fn codecs_that_carry_data_of_their_own_refuse_the_video() {
    for codec in [b"jpeg", b"mjpa", b"rtmd"] {
        let file = video(&part(b"ftyp", FTYP), &[track(1, b"vide", codec, 37, [3, 4])], b"");
        assert!(stripped(&file).unwrap_err().to_string().contains("codec"));
    }
}

#[test]
fn samples_of_fragments_stay_and_other_tracks_samples_go() {
    let part_of = |number: u32, size: u32, offset: u32| {
        let mut header = full(b"tfhd", &[number, size]);
        header[9..12].copy_from_slice(&[0x02, 0, 0x10]);
        let mut run = full(b"trun", &[2, offset]);
        run[11] = 1;
        part(b"traf", &[header, run].concat())
    };
    let length = 16 + 8 + 2 * (8 + 20 + 20);
    let fragment = [full(b"mfhd", &[1]), part_of(1, 3, length + 8), part_of(3, 4, length + 14)];
    let fragment = part(b"moof", &fragment.concat());
    assert_eq!(fragment.len(), length as usize);
    let movie = part(
        b"moov",
        &[part(b"mvhd", &[0; 100]), picture(), part(b"mvex", &full(b"trex", &[1, 1, 0, 0, 0]))]
            .concat(),
    );
    let media = part(b"mdat", b"sampleGPS+48.8");
    let start = [part(b"ftyp", FTYP), part(b"mdat", MEDIA), movie].concat();
    let out = stripped(&[start, fragment, media].concat()).unwrap();
    assert!(out.ends_with(b"mdatsample\0\0\0\0\0\0\0\0"));
}

#[test]
fn a_compressed_header_and_a_cut_video_are_refused() {
    let movie = part(b"moov", &part(b"cmov", b"zlib"));
    let file = [part(b"ftyp", FTYP), part(b"mdat", MEDIA), movie].concat();
    assert!(stripped(&file).unwrap_err().to_string().contains("compressed"));
    let file = video(&part(b"ftyp", FTYP), &[picture()], b"");
    for length in 0..file.len() {
        assert!(stripped(&file[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_follows_the_last_box_is_dropped() {
    let file = video(&part(b"ftyp", FTYP), &[picture()], b"");
    let out = stripped(&[&file[..], b"PARISTEXT of a trailer"].concat()).unwrap();
    assert_eq!(out, stripped(&file).unwrap());
}
