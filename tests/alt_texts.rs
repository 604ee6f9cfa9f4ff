//! Posts with alt texts, by sharing menu and by e-mail, as a server with
//! Mastodon's API gets them, byte for byte (`protocol.md` 7, 13).

use serde_json::{Value, json};

use crate::fixture::mastodon::Scripted;
use crate::fixture::social::{announcement, post, put};
use crate::fixture::{J1, SUCCESS, Server};

/// What facebook shares and what is sent to toot@example.net is posted.
fn start() -> (Scripted, Server) {
    let peer = Scripted::start(Vec::new());
    let server = Server::start(&format!(
        "REPEAT_WINDOW = \"0 s\"\nCOLLECT_TIMEOUT = \"1 h\"\n\
         [ACTIONS]\nfacebook = \"mastodon\"\n\"toot@example.net\" = \"mastodon\"\n\
         [MASTODON]\nBASE_URL = {:?}\nTOKEN = \"t0ken-t0ken-t0ken\"\nPOSTSCRIPT = \"#test\"\n",
        peer.url
    ));
    (peer, server)
}

/// Announces and sends a photo of a WB850F.
#[track_caller]
fn share(server: &Server, session: &str, name: &str, text: &str) {
    let announced =
        server.send(&post("/facebook/photo", &announcement(session, "WB850F", name, text)));
    assert_eq!(announced.status, 200, "{announced:?}");
    let answer = server.send(&put(&announced.attribute("ResourceID"), "image/pjpeg", J1));
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
}

/// The statuses so far: text and media ids.
fn statuses(peer: &Scripted) -> Vec<(String, Value)> {
    let posts = peer.requests("POST /api/v1/statuses");
    let posts = posts.iter().map(|post| serde_json::from_slice::<Value>(&post.body).unwrap());
    posts
        .map(|post| (post["status"].as_str().unwrap().to_owned(), post["media_ids"].clone()))
        .collect()
}

/// The uploads so far: id, alt text, and whether it is the photo as a JPEG.
fn media(peer: &Scripted) -> Vec<(String, String, bool)> {
    let numbered = peer.seen().into_iter().enumerate();
    numbered
        .filter(|(_, seen)| seen.what == "POST /api/v2/media")
        .map(|(number, seen)| {
            let text = String::from_utf8_lossy(&seen.body).into_owned();
            let (_, description) = text.split_once("name=\"description\"\r\n\r\n").unwrap();
            let whole = seen.body.windows(J1.len()).any(|bytes| bytes == J1);
            let jpeg = text.contains("Content-Type: image/jpeg\r\n");
            let description = description.split_once("\r\n").unwrap().0.to_owned();
            (format!("m{}", number + 1), description, whole && jpeg)
        })
        .collect()
}

/// A21
#[test]
fn two_photos_with_alt_texts_become_one_post() {
    let (peer, server) = start();
    let session = server.log_in("facebook");
    let text = "Holiday shot!~fancy flower bed~traffic sign";
    share(&server, &session, "SAM_0001.JPG", text);
    assert!(statuses(&peer).is_empty());
    share(&server, &session, "SAM_0002.JPG", text);
    server.settle();
    let media = media(&peer);
    let [(one, first, true), (two, second, true)] = media.as_slice() else { panic!("{media:?}") };
    assert_eq!([first, second], ["fancy flower bed", "traffic sign"]);
    let text = "Holiday shot!\n\n\u{1f4f7}\u{fe0f} WB850F\n\n#test".to_owned();
    assert_eq!(statuses(&peer), [(text, json!([one, two]))]);
}

/// A22
#[test]
fn a_new_text_begins_a_new_post_without_the_photos_before() {
    let (peer, server) = start();
    let session = server.log_in("facebook");
    let text = "Holiday shot!~fancy flower bed~traffic sign";
    share(&server, &session, "SAM_0001.JPG", text);
    share(&server, &session, "SAM_0003.JPG", "Second post~a cat");
    server.settle();
    let media = media(&peer);
    let (id, ..) = media.iter().find(|(_, alt_text, _)| alt_text == "a cat").unwrap();
    let statuses = statuses(&peer);
    let second = "Second post\n\n\u{1f4f7}\u{fe0f} WB850F\n\n#test";
    let second: Vec<_> = statuses.iter().filter(|(text, _)| text == second).collect();
    let [(_, ids)] = second.as_slice() else { panic!("{statuses:?}") };
    assert_eq!(ids, &json!([id]));
}

/// A23
#[test]
fn a_photo_without_alt_text_is_refused_before_it_is_posted() {
    let (peer, server) = start();
    let session = server.log_in("facebook");
    let resource = server.announce("facebook", &session, "SAM_0042.JPG", "Harbour at dusk");
    server.send(&put(&resource, "image/jpeg", J1)).assert_error(400, "No alt-text");
    assert!(peer.seen().is_empty());
    // The photo stays on the camera, and the session serves the next one.
    assert!(server.deliveries(&["--all"]).is_empty());
    share(&server, &session, "SAM_0042.JPG", "Harbour~dusk");
}

/// A30
#[test]
fn an_email_with_alt_texts_becomes_one_post_without_the_camera() {
    let (peer, server) = start();
    let head = "POST /social/columbus/email?DUID=42  HTTP/1.0\r\n\
Host: www.ospserver.net\r\n\
Content-Type: multipart/form-data; boundary=---------------------------7d93b9550d4a\r\n\
Content-Length: 732\r\n\
\r\n\
-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n\
content-Type: multipart/form-data;\r\n\
\r\n\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<email><sender>Camera@samsungcamera.com</sender><receiverList><receiver>toot@example.net</receiver></receiverList><title>ignored</title><body>Boats~a red boat~a blue boat\n\
language_sh100_utf8</body></email>\r\n";
    let part = |name: &str| {
        format!(
            "-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"binary\"; fileName=\"{name}\"\r\n\
content-Type: image/pjpeg\r\n\
\r\n"
        )
    };
    let (one, two) = (part("SAM_0001.JPG"), part("SAM_0002.JPG"));
    let request = [head.as_bytes(), one.as_bytes(), J1, b"\r\n", two.as_bytes(), J1].concat();
    let answer = server.send(&request);
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS), "{answer:?}");
    server.settle();
    let media = media(&peer);
    let [(one, first, true), (two, second, true)] = media.as_slice() else { panic!("{media:?}") };
    assert_eq!([first, second], ["a red boat", "a blue boat"]);
    assert_eq!(statuses(&peer), [("Boats\n\n#test".to_owned(), json!([one, two]))]);
}
