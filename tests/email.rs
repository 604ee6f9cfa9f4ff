//! `POST /social/columbus/email` (`protocol.md` 3.6, 13).

use std::io::Write;

use crate::fixture::{
    Answer, End, Faulty, J1, PHOTO, Received, Request, SENDER, SUCCESS, Server, V1, file_part,
    sha256,
};

/// `protocol.md` 13: CRLF, dashes and a near miss of the boundary.
pub const J2: &[u8] =
    b"\xff\xd8\r\n-----------------------------7d93b9550d4Z\r\n\0\r\n--\r\n\xff\xd9";

#[track_caller]
fn assert_success(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS), "{answer:?}");
    assert_eq!(answer.status_line, "HTTP/1.1 200 OK");
}

#[test]
fn the_captured_nx300_request_stores_its_photo_with_each_of_the_four_ends() {
    let server = Server::start("");
    for end in [End::Closed, End::Opened, End::Bare, End::Nothing] {
        let answer = server.send(&Request::new().end(end).bytes());
        assert_success(&answer);
        // The same bytes under the same name are the same file.
        let (name, bytes) = server.only_stored();
        assert_eq!(name, "SAM_0042.JPG");
        assert!(bytes == PHOTO, "{end:?}: {} bytes of {}", bytes.len(), PHOTO.len());
    }
}

/// A mail server, and a server that sends by it.
fn mailing(actions: &str) -> (Faulty, Server) {
    let peer = Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\n{actions}",
        peer.port
    ));
    (peer, server)
}

/// The only mail that came.
#[track_caller]
fn only_mail(peer: &Faulty, server: &Server) -> Received {
    server.settle();
    let mails = peer.received();
    assert_eq!(mails.len(), 1);
    let path = server.folder().join("mail");
    std::fs::write(&path, mails[0].strip_suffix(b".\r\n").unwrap()).unwrap();
    Received::read(&path)
}

/// The published capture to its last byte, rebuilt where the publisher cut it
/// off (`protocol.md` 3.6, 13), with a photo that nearly holds the boundary.
/// Written down apart from the emulator, which is compared with it.
pub fn captured() -> Vec<u8> {
    let head = "POST /social/columbus/email?DUID=123456789033  HTTP/1.0\r\n\
Authorization:OAuth oauth_consumer_key=\"censored\",oauth_nonce=\"censored\",oauth_signature=\"censored=\",oauth_signature_method=\"HmacSHA1\",oauth_timestamp=\"9717886885\",oauth_version=\"1.0\"\r\n\
x-osp-version:v1\r\n\
User-Agent: sdeClient\r\n\
Content-Type: multipart/form-data; boundary=---------------------------7d93b9550d4a\r\n\
Accept: image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, application/x-shockwave-flash, application/vnd.ms-excel, application/vnd.ms-powerpoint, application/msword, */*\r\n\
Pragma: no-cache\r\n\
Accept-Language: ko\r\n\
User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1) ; .NET CLR 1.1.4322; InfoPath.2; .NET CLR 2.0.50727)\r\n\
Host: www.ospserver.net\r\n\
Content-Length: 606\r\n\
\r\n\
-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n\
content-Type: multipart/form-data;\r\n\
\r\n\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<email><sender>Camera@samsungcamera.com</sender><receiverList><receiver>alice@example.net</receiver></receiverList><title>[Samsung Smart Camera] sent you files.</title><body>Hello\n\
language_sh100_utf8</body></email>\r\n\
-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"binary\"; fileName=\"SAM_0042.JPG\"\r\n\
content-Type: image/jpeg\r\n\
\r\n";
    [head.as_bytes(), J2].concat()
}

/// A25
#[test]
fn the_captured_email_is_sent_on_with_its_photo() {
    let (peer, server) = mailing("");
    assert_success(&server.send(&captured()));
    let mail = only_mail(&peer, &server);
    assert_eq!(mail.header("To"), ["alice@example.net"]);
    assert_eq!(mail.header("Subject"), ["[Samsung Smart Camera] sent you files."]);
    assert_eq!(mail.text().trim_end(), "Hello");
    assert_eq!(mail.files(), [["SAM_0042.JPG", "image/jpeg", &sha256(J2)]]);
}

#[test]
fn a_photo_that_nearly_holds_the_boundary_stays_whole() {
    let server = Server::start("");
    let request = Request::new().file("SAM_0042.JPG", J2).end(End::Nothing);
    assert_success(&server.send(&request.bytes()));
    assert_eq!(server.only_stored().1, J2);
}

/// A26
#[test]
fn an_nx500_mails_to_three_of_whom_each_gets_what_is_configured() {
    let (peer, server) = mailing(
        "[ACTIONS]\n\"store@example.net\" = \"store\"\n\"bob@example.net\" = \"drop\"\n\
         \"alice@example.net\" = \"mail\"\n",
    );
    let head = "POST http://www.ospserver.net/social/columbus/email?DUID=123456789033 HTTP/1.0\r\n\
Content-Type: multipart/form-data; boundary=---------------------------7d93b9550d4a\r\n\
Content-Length: 810\r\n\
\r\n\
-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n\
content-Type: multipart/form-data;\r\n\
\r\n\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<email><sender>Holiday Cam &lt;Camera@samsungcamera.com&gt;</sender><receiverList><receiver>alice@example.net</receiver><receiver>store@example.net</receiver><receiver>bob@example.net</receiver></receiverList><title>Trip</title><body>Two pictures\n\
language_sh100_utf8</body></email>\r\n\
-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"binary\"; fileName=\"SAM_0042.JPG\"\r\n\
content-Type: image/pjpeg\r\n\
\r\n";
    let between = "\r\n-----------------------------7d93b9550d4a\r\n\
content-disposition: form-data; name=\"binary\"; fileName=\"SAM_0050.MP4\"\r\n\
content-Type: video/mp4\r\n\
\r\n";
    let request = [head.as_bytes(), J1, between.as_bytes(), V1, b"\r\n"].concat();
    assert_success(&server.send(&request));
    let mail = only_mail(&peer, &server);
    assert_eq!(mail.header("To"), ["alice@example.net"]);
    assert_eq!(mail.header("Subject"), ["Trip"]);
    assert_eq!(mail.text().trim_end(), "Two pictures");
    assert_eq!(
        mail.files(),
        [["SAM_0042.JPG", "image/jpeg", &sha256(J1)], ["SAM_0050.MP4", "video/mp4", &sha256(V1)],]
    );
    let stored: Vec<(String, Vec<u8>)> = server
        .stored()
        .into_iter()
        .map(|(path, bytes)| (path.file_name().unwrap().to_str().unwrap().to_owned(), bytes))
        .collect();
    assert_eq!(
        stored,
        [("SAM_0042.JPG".to_owned(), J1.to_vec()), ("SAM_0050.MP4".to_owned(), V1.to_vec())]
    );
    server.logged(&["ignored 2 files"]);
}

/// A27
#[test]
fn a_correct_multipart_client_is_understood() {
    let server = Server::start("");
    let mut body = b"--abc\r\nContent-Disposition: form-data; name=\"message\"; \
        filename=\"message.xml\"\r\nContent-Type: text/xml\r\n\r\n<?xml version=\"1.0\" \
        encoding=\"UTF-8\"?>\n<email><sender>Camera@samsungcamera.com</sender><receiverList>\
        <receiver>alice@example.net</receiver></receiverList><title>Hi</title><body>No marker\
        </body></email>\r\n--abc\r\nContent-Disposition: form-data; name=\"binary\"; \
        filename=\"SAM_0042.JPG\"\r\nContent-Type: image/jpeg\r\n\r\n"
        .to_vec();
    body.extend_from_slice(J1);
    body.extend_from_slice(b"\r\n--abc--\r\n");
    let head = format!(
        "POST /social/columbus/email HTTP/1.1\r\nHost: www.ospserver.net\r\n\
         Content-Type: multipart/form-data; boundary=abc\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert_success(&server.send(&[head.into_bytes(), body].concat()));
    assert_eq!(server.only_stored(), ("SAM_0042.JPG".to_owned(), J1.to_vec()));
}

/// A28
#[test]
fn a_sender_who_is_not_listed_is_refused_and_nothing_is_kept() {
    let server = Server::start("");
    let answer = server.send(&Request::new().from("spam@example.org").bytes());
    answer.assert_error(401, "Sender not in whitelist");
    server.logged(&["spam@example.org is not in SENDERS", "add it there"]);
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

/// A29
#[test]
fn an_email_without_message_is_refused() {
    let server = Server::start("");
    let answer = server.send(&Request::with_body(&file_part("SAM_0042.JPG", J1)));
    answer.assert_error(400, "No message");
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

/// A31
#[test]
fn a_browser_on_the_email_endpoint_is_sent_to_the_page() {
    let server = Server::start("");
    let answer =
        server.send(b"GET /social/columbus/email HTTP/1.1\r\nHost: www.ospserver.net\r\n\r\n");
    assert_eq!((answer.status, answer.header("Location")), (302, vec!["/"]));
}

#[test]
fn a_refusal_in_the_middle_of_a_large_upload_arrives_without_a_reset() {
    let server = Server::start("");
    let video = vec![7; 32 << 20];
    let request = Request::new().from("spam@example.org").file("SAM_0050.MP4", &video);
    let mut stream = server.connect();
    stream.write_all(&request.bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    answer.assert_error(401, "Sender not in whitelist");
    assert!(!answer.reset);
}

#[test]
fn a_body_in_pieces_of_any_size_gives_the_same_photo() {
    let server = Server::start("");
    let photo = [J2, &PHOTO[..1500], J2].concat();
    let request = Request::new().file("SAM_0042.JPG", &photo).bytes();
    for size in [1, 2, 3, 7, 1460] {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        for piece in request.chunks(size) {
            stream.write_all(piece).unwrap();
        }
        assert_success(&Answer::read(&mut stream));
        assert_eq!(server.only_stored().1, photo, "pieces of {size}");
    }
}

#[test]
fn a_body_that_is_cut_off_is_refused_and_nothing_is_kept() {
    let server = Server::start("");
    let request = Request::new().bytes();
    let answer = server.send_and_end(&request[..request.len() - 500]);
    answer.assert_error(400, "Incomplete");
    server.logged(&["ended or stalled before its end"]);
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn an_empty_file_is_refused() {
    let server = Server::start("");
    let answer = server.send(&Request::new().file("SAM_0042.JPG", b"").bytes());
    answer.assert_error(400, "SAM_0042.JPG is empty");
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn an_email_without_files_is_refused_by_the_store() {
    let server = Server::start("");
    let request = Request { files: Vec::new(), ..Request::new() };
    server.send(&request.bytes()).assert_error(400, "no file to store");
}

#[test]
fn a_file_name_that_points_upwards_is_refused() {
    let server = Server::start("");
    let answer = server.send(&Request::new().file("../../x", J1).bytes());
    answer.assert_error(400, "Bad file name");
    server.logged(&["request refused", "Bad file name"]);
    assert!(server.stored().is_empty());
    assert!(!server.folder().join("x").exists());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_recipient_without_action_is_refused_with_the_line_to_add() {
    let server = Server::start("[ACTIONS]\n\"store@example.net\" = \"store\"\n");
    let answer = server.send(&Request::new().to(&["store@example.net", "x@example.net"]).bytes());
    answer.assert_error(400, "No action for x@example.net");
    server.logged(&["no action for x@example.net", "\"x@example.net\" = \"store\""]);
    assert!(server.stored().is_empty());
    assert_eq!(server.stop(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn two_files_of_one_name_in_one_upload_are_two_files() {
    let server = Server::start("");
    let request = Request::new().file("A.JPG", J1).and_file("A.JPG", J2);
    assert_success(&server.send(&request.bytes()));
    let stored = server.stored();
    let names: Vec<_> = stored.keys().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["A-2.JPG", "A.JPG"]);
}

#[test]
fn senders_are_compared_without_case_and_folders_are_not() {
    let server = Server::start("SECRET = \"xiev5kaMeehaimub\"\n");
    assert_success(&server.send(&Request::new().from("camera@SamsungCamera.com").bytes()));
    server.settle();
    // protocol.md 7, rule 8
    assert!(server.folder().join("upload/yZXbyiz-pZX2DqmBjoRl/SAM_0042.JPG").exists());
    assert_eq!(SENDER, "Camera@samsungcamera.com");
}
