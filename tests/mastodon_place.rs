//! `mastodon` and the place where a picture was taken: no byte leaves that is
//! not known to be harmless (`protocol.md` 7). How a place hides in a file is
//! tried in `plugins/place`.

use std::fs;
use std::path::Path;

use crate::fixture::mastodon::Scripted;
use crate::fixture::{Request, SUCCESS, Server, files_below};

const TOKEN: &str = "t0ken-t0ken-t0ken";

/// A photo or a video of `tests/data/location`, whose README says what is in it.
fn told(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/location");
    fs::read(folder.join(name)).unwrap()
}

fn server(peer: &Scripted, settings: &str) -> Server {
    Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\", \"1 h\"]\nREPEAT_WINDOW = \"0 s\"\n\
         [ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {:?}\nTOKEN = {TOKEN:?}\n{settings}\n",
        peer.url
    ))
}

fn boat(name: &str, bytes: &[u8]) -> Request {
    Request::new().to(&["toot@example.net"]).text("Boat~a boat").file(name, bytes)
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// What of a file named `name` is uploaded.
fn uploaded(name: &str, bytes: &[u8], settings: &str) -> Vec<u8> {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer, settings);
    assert_eq!(server.send(&boat(name, bytes).bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 1 files"]);
    server.settle();
    peer.requests("POST /api/v2/media")[0].body.clone()
}

#[test]
fn no_mark_of_the_place_leaves_and_the_scan_does() {
    for name in
        ["j16-junk-between.jpg", "j29-samsung-makernote-place.jpg", "j30-mpf-second-gps.jpg"]
    {
        let photo = told(name);
        let sent = uploaded("SAM_0001.JPG", &photo, "");
        for mark in ["48.8577", "2013:07:14", "PARISTEXT", "AREAMARK"] {
            assert!(!holds(&sent, mark.as_bytes()), "{name}: {mark}");
        }
        assert!(holds(&sent, b"NX300") && holds(&sent, b"2014:05:06 07:08:09"), "{name}");
        let scan = photo.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        assert!(holds(&sent, &photo[scan..scan + 500]), "{name}");
    }
}

#[test]
fn samples_of_a_video_leave_where_they_stand_and_its_place_does_not() {
    let video = told("m19-at-xyz.mov");
    let sent = uploaded("SAM_0001.MP4", &video, "");
    let media = video.windows(4).position(|kind| kind == b"mdat").unwrap();
    assert!(holds(&sent, &video[media..media + 1800]));
    assert!(!holds(&sent, b"48.8577") && !holds(&sent, b"keep me"));
}

#[test]
fn a_video_of_ten_thousand_boxes_is_posted() {
    let video = told("m16-many-fragments.mp4");
    let sent = uploaded("SAM_0001.MP4", &video, "");
    assert!(sent.len() > video.len() && !holds(&sent, b"48.8577"));
}

#[test]
fn everything_leaves_where_the_operator_says_so() {
    for (name, bytes) in [
        ("SAM_0001.JPG", told("j29-samsung-makernote-place.jpg")),
        ("SAM_0001.JPG", told("k02-png-named.jpg")),
        ("SAM_0001.MP4", told("m19-at-xyz.mov")),
    ] {
        assert!(holds(&uploaded(name, &bytes, "STRIP_LOCATION = false"), &bytes), "{name}");
    }
}

#[test]
fn the_camera_hears_of_kinds_of_files_whose_place_cannot_be_removed() {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer, "");
    for (name, content_type, bytes) in [
        ("A.PNG", "image/png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("A.WEBP", "image/webp", b"RIFF\x04\0\0\0WEBP"),
        ("A.TIF", "image/tiff", b"MM\0*\0\0\0\x08"),
        ("A.SRW", "image/x-samsung-srw", b"II*\0\x08\0\0\0"),
        // What it says of itself does not make it another.
        ("A.JPG", "image/jpeg", b"\x89PNG\r\n\x1a\n"),
    ] {
        let body = boat(name, bytes).body();
        let place = body.windows(10).position(|word| word == b"image/jpeg").unwrap();
        let body = [&body[..place], content_type.as_bytes(), &body[place + 10..]].concat();
        let answer = server.send(&Request::with_body(&body));
        answer.assert_error(400, "STRIP_LOCATION = false");
    }
    assert!(peer.seen().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_is_rejected_and_kept() {
    let peer = Scripted::start(Vec::new());
    let server = server(&peer, "");
    let told = told("k05-bytes-before-soi.jpg");
    assert_eq!(server.send(&boat("SAM_0001.JPG", &told).bytes()).body, SUCCESS);
    server.logged(&["rejected", "neither a JPEG picture nor an MP4", "STRIP_LOCATION = false"]);
    assert!(peer.requests("POST /api/v2/media").is_empty());
    let kept = server.deliveries(&["--all"]);
    assert!(kept.iter().all(|delivery| delivery["state"] == "rejected"), "{kept:?}");
    let kept = files_below(&server.folder().join("spool"));
    assert!(kept.values().any(|bytes| *bytes == told));
}
