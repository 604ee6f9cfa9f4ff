//! Announcing and sending files by the sharing menu (`protocol.md` 3.3-3.5, 7).

use std::io::{Read, Write};

use crate::fixture::social::{announcement, post, put};
use crate::fixture::{Answer, J1, SUCCESS, Server, V1};

/// A17
#[test]
fn an_announcement_is_answered_in_the_bytes_that_cameras_know() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let announcement = announcement(&session, "NX300", "SAM_0042.JPG", "Harbour at dusk");
    assert_eq!(announcement.len(), 244);
    let answer = server.send(&post("/facebook/photo", &announcement));
    let expected = format!(
        "<Response HostAddr=\"snsgw.samsungmobile.com:80\" \
         ResourceID=\"upload/{session}/SAM_0042.JPG\" />"
    );
    assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()));
    assert_eq!(answer.body.len(), 116);
}

/// A18
#[test]
fn an_announced_photo_is_kept_byte_for_byte() {
    let server = Server::start("[ACTIONS]\nfacebook = \"store.wall\"\n[STORE.wall]\n");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "Harbour at dusk");
    let answer = server.send(&put(&resource, "image/jpeg", J1));
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS), "{answer:?}");
    server.settle();
    assert_eq!(std::fs::read(server.folder().join("upload/wall/SAM_0042.JPG")).unwrap(), J1);
    // The same again: the camera did not hear the answer, say.
    assert_eq!(server.send(&put(&resource, "image/jpeg", J1)).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);
}

/// A19
#[test]
fn a_put_in_http_1_0_with_an_absolute_target_is_understood() {
    let plugin = crate::fixture::guest("echo");
    let server = Server::start(&format!(
        "[ACTIONS]\nfacebook = \"echo\"\n[PLUGINS.echo]\nCOMPONENT = {:?}\n",
        plugin.to_str().unwrap()
    ));
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let mut request = format!(
        "PUT http://snsgw.samsungmobile.com:80/{resource} HTTP/1.0\r\n\
         Content-Type: image/pjpeg\r\nContent-Length: {}\r\n\r\n",
        J1.len()
    )
    .into_bytes();
    request.extend_from_slice(J1);
    assert_eq!(server.send(&request).body, SUCCESS);
    server.logged(&["image/jpeg"]);
}

/// A20
#[test]
fn a_photo_of_an_unknown_session_is_refused() {
    let server = Server::start("");
    let announcement = announcement(&"0".repeat(32), "NX300", "SAM_0042.JPG", "x");
    server.send(&post("/facebook/photo", &announcement)).assert_error(401, "Session expired");
    let resource = format!("upload/{}/SAM_0042.JPG", "0".repeat(32));
    server.send(&put(&resource, "image/jpeg", J1)).assert_error(401, "Session expired");
}

/// A24
#[test]
fn a_video_is_kept_byte_for_byte() {
    let server = Server::start("");
    for service in ["facebook", "youtube"] {
        let session = server.log_in(service);
        let announcement = announcement(&session, "", "SAM_0050.MP4", "Waves");
        assert_eq!(announcement.len(), 237);
        let announced = server.send(&post(&format!("/{service}/video"), &announcement));
        assert_eq!(announced.status, 200, "{announced:?}");
        let resource = announced.attribute("ResourceID");
        assert_eq!(server.send(&put(&resource, "video/mp4", V1)).body, SUCCESS);
    }
    assert_eq!(server.only_stored(), ("SAM_0050.MP4".to_owned(), V1.to_vec()));
}

/// A32
#[test]
fn an_unknown_service_is_refused_unless_it_is_mapped() {
    let server = Server::start("");
    let answer = server.send(&post("/myspace/auth", "<Request>"));
    answer.assert_error(404, "Unknown service");
    server.logged(&["myspace", "[ACTIONS]", "myspace = \"store\""]);
    server.logged(&["POST /myspace/auth HTTP/1.1"]);
    Server::start("[ACTIONS]\nmyspace = \"store\"\n").log_in("myspace");
}

/// A36
#[test]
fn a_service_of_photos_takes_no_video_and_the_session_stays() {
    let server = Server::start("");
    let session = server.log_in("evernote");
    server
        .send(&post("/evernote/video", &announcement(&session, "", "A.MP4", "Waves")))
        .assert_error(404, "Videos");
    server.announce("evernote", &session, "SAM_0042.JPG", "x");
}

#[test]
fn all_services_of_the_firmwares_are_served() {
    let server = Server::start("");
    for service in [
        "facebook",
        "picasa",
        "youtube",
        "photobucket",
        "samsungimaging",
        "cyworld",
        "me2day",
        "poco",
        "weibo",
        "renren",
        "vkontakte",
        "odnoklassniki",
        "kakaostory",
        "evernote",
        "skydrive",
        "flickr",
        "dropbox",
    ] {
        let session = server.log_in(service);
        let resource = server.announce(service, &session, &format!("{service}.JPG"), "x");
        assert_eq!(server.send(&put(&resource, "image/jpeg", J1)).body, SUCCESS, "{service}");
    }
    assert_eq!(server.stored().len(), 17);
}

#[test]
fn names_beyond_ascii_are_kept_and_never_stand_in_an_address() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let mut resources = Vec::new();
    for name in ["여름.JPG", "겨울.JPG"] {
        let resource = server.announce("facebook", &session, name, "x");
        assert!(resource.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b)));
        resources.push((resource, name));
    }
    // Announced together and sent in the other order: none is lost.
    for (resource, name) in resources.iter().rev() {
        let answer = server.send(&put(resource, "image/jpeg", name.as_bytes()));
        assert_eq!(answer.body, SUCCESS, "{answer:?}");
    }
    let stored: Vec<_> = server.stored().into_values().collect();
    assert!(stored.contains(&"여름.JPG".into()) && stored.contains(&"겨울.JPG".into()));
    let names: Vec<_> = server.stored().into_keys().collect();
    assert!(names.iter().any(|path| path.ends_with("겨울.JPG")), "{names:?}");
}

#[test]
fn what_has_no_good_name_is_refused() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let answer = server.send(&post("/facebook/photo", &announcement(&session, "", "../x", "x")));
    answer.assert_error(400, "Bad file name");
    let answer = server.send(&post("/facebook/photo", &announcement(&session, "", "", "x")));
    answer.assert_error(400, "No file name");
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_photo_that_is_cut_off_or_empty_is_refused_and_nothing_is_kept() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let request = put(&resource, "image/jpeg", J1);
    server.send_and_end(&request[..request.len() - 5]).assert_error(400, "Incomplete");
    server.send(&put(&resource, "image/jpeg", b"")).assert_error(400, "SAM_0042.JPG is empty");
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

/// D13
#[test]
fn a_photo_without_length_ends_with_the_connection() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let head = format!("PUT /{resource} HTTP/1.1\r\nContent-Type: image/jpeg\r\n\r\n");
    let answer = server.send_and_end(&[head.as_bytes(), J1].concat());
    assert_eq!(answer.body, SUCCESS, "{answer:?}");
    assert_eq!(server.only_stored().1, J1);
}

/// D15
#[test]
fn a_photo_in_chunks_is_kept_byte_for_byte() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let mut request = format!(
        "PUT /{resource} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: image/jpeg\r\n\r\n"
    )
    .into_bytes();
    for piece in J1.chunks(10) {
        request.extend(format!("{:x}\r\n", piece.len()).bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(server.send(&request).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);
}

/// D15
#[test]
fn a_camera_that_asks_first_is_told_to_go_on() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "x");
    let mut stream = server.connect();
    let head = format!(
        "PUT /{resource} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        J1.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(J1).unwrap();
    assert_eq!(Answer::read(&mut stream).body, SUCCESS);
    assert_eq!(server.only_stored().1, J1);
}

#[test]
fn two_photos_at_once_are_two_photos() {
    let server = Server::start("");
    let session = server.log_in("facebook");
    let resources: Vec<String> = (0..8)
        .map(|n| server.announce("facebook", &session, &format!("SAM_{n:04}.JPG"), "x"))
        .collect();
    std::thread::scope(|scope| {
        for resource in &resources {
            let server = &server;
            scope.spawn(move || {
                let answer = server.send(&put(resource, "image/jpeg", resource.as_bytes()));
                assert_eq!(answer.body, SUCCESS, "{answer:?}");
            });
        }
    });
    assert_eq!(server.stored().len(), 8);
}
