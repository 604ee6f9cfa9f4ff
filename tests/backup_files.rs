//! Auto Backup's files: taken once, whole and durable, or not at all.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::fixture::backup::{
    ANOTHER, CAMERA, CONFIG, Camera, ON_LOOPBACK, assert_fault, call, didl, element, elements, head,
};
use crate::fixture::network::alone;
use crate::fixture::{Answer, Server, files_below, hang_up};

const PHOTO: &[u8] = b"0123456789";

/// A server on loopback and a camera that knows it.
fn start(more: &str) -> (Server, Camera) {
    let server = Server::start(&format!("{ON_LOOPBACK}{more}"));
    let camera = Camera::on_loopback(&server);
    (server, camera)
}

/// The names and bytes of what is stored, without folders.
fn stored(server: &Server) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    server.stored().into_iter().map(|(path, bytes)| (name(&path), bytes)).collect()
}

/// Asserts that nothing was delivered and nothing of a file is left.
#[track_caller]
fn assert_nothing(server: &Server) {
    assert_eq!(server.deliveries(&["--all"]).len(), 0);
    // A folder goes with the task that made it, an instant after the answer.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !files_below(&server.folder().join("spool/uploads")).is_empty() {
        assert!(std::time::Instant::now() < deadline, "a file is left");
        std::thread::yield_now();
    }
}

#[test]
fn a_file_is_delivered_with_what_the_camera_said_of_it() {
    let (server, camera) = start("");
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_eq!(stored(&server), [("SAM_0042.JPG".to_owned(), PHOTO.to_vec())]);
    let deliveries = server.deliveries(&["--all"]);
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["origin"], "autobackup");
    assert_eq!(deliveries[0]["sender"], "Camera@samsungcamera.com");
    assert_eq!(deliveries[0]["files"].as_array().unwrap().len(), 1);
    assert_eq!(server.stop(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn who_heard_200_is_owed_the_file_even_after_a_kill() {
    // The action cannot deliver before the kill: it is tried in an hour only.
    let later = format!("RETRY_DELAYS = [\"1 h\"]\n{ON_LOOPBACK}");
    let server = Server::start(&later);
    Camera::on_loopback(&server).backs_up("SAM_0042.JPG", PHOTO);
    let folder = server.kill();
    let server = Server::start_in(folder, ON_LOOPBACK);
    server.queue(&["retry", "--all"]);
    assert_eq!(stored(&server), [("SAM_0042.JPG".to_owned(), PHOTO.to_vec())]);
}

#[test]
fn chunks_expectations_and_kept_connections_are_understood() {
    let (server, camera) = start("");
    let id = camera.announced("CHUNKS.JPG", 10);
    let chunked = head(camera.server, &id, 10)
        .replace("Content-Length: 10", "Transfer-Encoding: chunked")
        + "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
    assert_eq!(camera.send(chunked.as_bytes()).status, 200);

    let id = camera.announced("EXPECT.JPG", 6);
    let expecting =
        head(camera.server, &id, 6).replacen("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1);
    let mut stream = camera.connect();
    stream.write_all(expecting.as_bytes()).unwrap();
    let mut word = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"expect").unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    // Not a word in between for what is refused anyway.
    let unknown = expecting.replace(&id, "UP_2014-06-01_0000000000");
    let mut stream = camera.connect();
    stream.write_all(unknown.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 404);

    let mut kept = KeptConnection(camera.connect());
    for number in 0..3 {
        let bytes = format!("kept {number}");
        let name = format!("KEPT_{number}.JPG");
        let call = call(
            camera.server,
            "CreateObject",
            &elements(&didl(&name, "2014-06-01", &bytes.len().to_string())),
        );
        let answer = kept.ask(call.as_bytes());
        let id = element(&answer, "ObjectID").to_owned();
        let upload = [head(camera.server, &id, bytes.len()).as_bytes(), bytes.as_bytes()].concat();
        assert!(kept.ask(&upload).starts_with("HTTP/1.1 200 "), "{number}");
    }
    assert_eq!(stored(&server).len(), 5);
}

/// One connection for everything.
struct KeptConnection(std::net::TcpStream);

impl KeptConnection {
    /// Sends a request that asks to keep the connection; the answer.
    fn ask(&mut self, request: &[u8]) -> String {
        let request = String::from_utf8(request.to_vec()).unwrap();
        let request = request.replacen("\r\n", "\r\nConnection: Keep-Alive\r\n", 1);
        self.0.write_all(request.as_bytes()).unwrap();
        self.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            std::io::Read::read_exact(&mut self.0, &mut byte).unwrap();
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let length = head.to_ascii_lowercase();
        let length = length.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        std::io::Read::read_exact(&mut self.0, &mut body).unwrap();
        head + &String::from_utf8(body).unwrap()
    }
}

#[test]
fn a_camera_that_hangs_up_comes_again_to_the_same_address() {
    let (server, camera) = start("");
    let id = camera.announced("SAM_0042.JPG", 10);
    let mut stream = camera.connect();
    stream.write_all(head(camera.server, &id, 10).as_bytes()).unwrap();
    stream.write_all(&PHOTO[..4]).unwrap();
    hang_up(stream);
    assert_nothing(&server);
    assert_eq!(camera.post(&id, PHOTO).status, 200);
    assert_eq!(stored(&server), [("SAM_0042.JPG".to_owned(), PHOTO.to_vec())]);
}

#[test]
fn silence_ends_an_upload_and_leaves_nothing() {
    let server = Server::start(&format!("SILENCE_TIMEOUT = \"200 ms\"\n{ON_LOOPBACK}"));
    let camera = Camera::on_loopback(&server);
    let id = camera.announced("SAM_0042.JPG", 10);
    let mut stream = camera.connect();
    stream.write_all(head(camera.server, &id, 10).as_bytes()).unwrap();
    stream.write_all(&PHOTO[..4]).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 400);
    assert_nothing(&server);
    assert_eq!(camera.post(&id, PHOTO).status, 200);
}

#[test]
fn a_whole_card_that_comes_again_is_taken_once() {
    let (mut server, mut camera) = start("");
    let card = [("SAM_0042.JPG", PHOTO), ("SAM_0043.JPG", b"another")];
    for _ in 0..2 {
        for _ in 0..2 {
            camera.call("X_BACKUP_START", "");
            for (name, bytes) in card {
                camera.backs_up(name, bytes);
            }
            camera.call("X_BACKUP_DONE", "<SystemOff>0</SystemOff>");
        }
        server.settle();
        server = server.restart();
        camera = Camera::on_loopback(&server);
    }
    assert_eq!(server.deliveries(&["--all"]).len(), 2);
    // Other bytes under a name that was there.
    camera.backs_up("SAM_0042.JPG", b"9876543210");
    assert_eq!(
        stored(&server).into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["SAM_0042-2.JPG", "SAM_0042.JPG", "SAM_0043.JPG"]
    );
}

#[test]
fn a_file_is_known_after_its_receipt_is_gone_and_the_route_has_changed() {
    let forgetful = format!("KEEP_DELIVERED = {{ RECEIPTS = \"0 s\" }}\n{ON_LOOPBACK}");
    let server = Server::start(&forgetful);
    Camera::on_loopback(&server).backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    let folder = server.end();
    let elsewhere = format!("{forgetful}[ACTIONS]\nautobackup = \"store.elsewhere\"\n");
    let server = Server::start_in(folder, &elsewhere);
    Camera::on_loopback(&server).backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    assert!(!server.folder().join("upload/elsewhere").exists());
}

#[test]
fn what_is_forgotten_is_taken_anew_at_once() {
    let (server, camera) = start("");
    camera.backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    let forgotten = crate::fixture::afterimage(server.folder(), &["backup", "forget"]);
    assert!(forgotten.status.success(), "{forgotten:?}");
    camera.backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), 2);
}

#[test]
fn what_was_dropped_or_rejected_is_taken_again() {
    let server = Server::start(&format!("RETRY_DELAYS = [\"1 h\"]\n{ON_LOOPBACK}"));
    let camera = Camera::on_loopback(&server);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    let waiting = server.deliveries(&[]);
    assert_eq!(waiting.len(), 1);
    server.queue(&["drop", &waiting[0]["number"].to_string()]);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    let waiting = server.deliveries(&[]);
    assert_eq!(waiting.len(), 1, "it is taken again");
    // Rejected, since its file is gone.
    let upload = waiting[0]["upload"].as_str().unwrap();
    std::fs::remove_file(server.folder().join("spool/uploads").join(upload).join("SAM_0042.JPG"))
        .unwrap();
    server.queue(&["retry", "--all"]);
    server.wait_until_none_is(&["queued", "delivering"]);
    assert_eq!(server.deliveries(&[])[0]["state"], "rejected");
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_eq!(server.deliveries(&[]).len(), 2);
}

#[test]
fn two_at_once_of_the_same_bytes_are_one() {
    let (server, camera) = start("");
    let ids: Vec<String> = (0..4).map(|_| camera.announced("SAM_0042.JPG", 10)).collect();
    std::thread::scope(|scope| {
        for id in &ids {
            scope.spawn(|| assert_eq!(camera.post(id, PHOTO).status, 200));
        }
    });
    server.settle();
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
}

#[test]
fn wrong_lengths_are_refused_and_leave_the_address_usable() {
    let (server, camera) = start("");
    let id = camera.announced("SAM_0042.JPG", 10);
    for bytes in [&b"0123"[..], b"0123456789AB"] {
        assert_eq!(camera.post(&id, bytes).status, 400);
    }
    let chunked = head(camera.server, &id, 4)
        .replace("Content-Length: 4", "Transfer-Encoding: chunked")
        + "4\r\n0123\r\n0\r\n\r\n";
    assert_eq!(camera.send(chunked.as_bytes()).status, 400);
    assert_nothing(&server);
    assert_eq!(camera.post(&id, PHOTO).status, 200);
    assert_eq!(stored(&server).len(), 1);
}

#[test]
fn addresses_that_do_not_exist_take_nothing() {
    alone(|| {
        let server = Server::start(CONFIG);
        let camera = Camera::at(CAMERA);
        assert_eq!(camera.post("UP_2014-06-01_0000000000", PHOTO).status, 404);
        let none = head(camera.server, "x", 10).replace("?didx=0_id=x", "?x=1") + "0123456789";
        assert_eq!(camera.send(none.as_bytes()).status, 404);
        let id = camera.announced("SAM_0042.JPG", 10);
        assert_eq!(Camera::at(ANOTHER).post(&id, PHOTO).status, 404);
        assert_nothing(&server);
        assert_eq!(camera.post(&id, PHOTO).status, 200);
        // The answer was lost.
        assert_eq!(camera.post(&id, PHOTO).status, 200);
        assert_eq!(camera.post(&id, b"9876543210").status, 404);
        server.settle();
        assert_eq!(server.deliveries(&["--all"]).len(), 1);
    });
}

#[test]
fn a_hostile_name_stays_in_its_folder() {
    let (server, camera) = start("[ACTIONS]\nautobackup = \"store.card\"\n");
    for (number, name) in
        ["/abs/olute.JPG", "C:\\DCIM\\a.JPG", ".hidden.JPG", "A&amp;B&lt;.JPG", "con.JPG"]
            .into_iter()
            .enumerate()
    {
        camera.backs_up(name, format!("photo {number}").as_bytes());
    }
    let stored = server.stored();
    assert_eq!(stored.len(), 5);
    assert!(stored.keys().all(|path| path.parent() == Some(Path::new("card"))), "{stored:?}");
}

#[test]
fn folders_follow_the_cameras_date() {
    let (server, camera) = start(
        "[AUTOBACKUP.CAMERAS]\n\"127.0.0.1\" = { MODEL = \"NX300\" }\n\
         [ACTIONS]\nautobackup = \"store.card\"\n[STORE.card]\n\
         FOLDER = \"{year}/{month}/{camera} of {date}\"\n",
    );
    camera.backs_up("SAM_0042.JPG", PHOTO);
    let stored = server.stored();
    let path = Path::new("card/2014/06/NX300 of 2014-06-01/SAM_0042.JPG");
    assert_eq!(stored.keys().collect::<Vec<_>>(), [path]);
}

#[test]
fn a_full_queue_is_told_before_the_bytes_come() {
    let server = Server::start(&format!("MAX_QUEUE = 1\nRETRY_DELAYS = [\"1 h\"]\n{ON_LOOPBACK}"));
    let camera = Camera::on_loopback(&server);
    let second = camera.announced("SAM_0043.JPG", 7);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_fault(&camera.announce("SAM_0044.JPG", "10"), 720);
    assert_eq!(camera.post(&second, b"another").status, 503);
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
}

#[test]
fn calls_are_captured_and_photos_are_not() {
    let server = Server::start(&format!("CAPTURE_FOLDER = \"capture\"\n{ON_LOOPBACK}"));
    let camera = Camera::on_loopback(&server);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    server.logged_times(&["request captured"], 2);
    let captured = files_below(&server.folder().join("capture"));
    let all: Vec<u8> = captured.into_values().flatten().collect();
    let all = String::from_utf8(all).unwrap();
    assert!(
        all.contains("SAM_0042.JPG") && all.contains("POST /cd/content?didx=0_id=UP_"),
        "{all}"
    );
    assert!(!all.contains("0123456789"), "{all}");
}

#[test]
fn a_file_is_new_again_when_repeats_is_over() {
    let (server, camera) = start("");
    camera.backs_up("SAM_0042.JPG", PHOTO);
    server.settle();
    let ledger = rusqlite::Connection::open(server.folder().join("spool/ledger.sqlite")).unwrap();
    let age = |days: i64| {
        let age = days * 24 * 3_600_000;
        ledger.execute("UPDATE backup_repeats SET at = at - ?1", [age]).unwrap();
    };
    age(364);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
    // It counts from when it came last.
    age(364);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_eq!(server.deliveries(&["--all"]).len(), 1);
    age(366);
    camera.backs_up("SAM_0042.JPG", PHOTO);
    assert_eq!(server.deliveries(&["--all"]).len(), 2);
}

/// Sends a file of so many zeros and tells the status.
fn send_zeros(camera: &Camera, id: &str, length: u64) -> u16 {
    let mut stream = camera.connect();
    let head = head(camera.server, id, usize::try_from(length).unwrap());
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let now = left.min(piece.len() as u64);
        stream.write_all(&piece[..usize::try_from(now).unwrap()]).unwrap();
        left -= now;
    }
    Answer::read(&mut stream).status
}

#[test]
fn a_large_file_takes_no_memory() {
    let (server, camera) = start("[ACTIONS]\nautobackup = \"ignore\"\n");
    send_of(&server, &camera, 64 << 20);
}

#[test]
#[ignore = "writes 4 GiB: cargo test --test suite -- --ignored a_video_of_4_gib"]
fn a_video_of_4_gib_takes_no_more_memory_than_a_photo() {
    let (server, camera) = start("[ACTIONS]\nautobackup = \"ignore\"\n");
    send_of(&server, &camera, (4 << 30) - 1);
}

fn send_of(server: &Server, camera: &Camera, length: u64) {
    let id = camera.announced("WARM.MP4", 4 << 20);
    assert_eq!(send_zeros(camera, &id, 4 << 20), 200);
    server.settle();
    let before = server.memory("VmHWM");
    let id = camera.announced("SAM_0043.MP4", usize::try_from(length).unwrap());
    assert_eq!(send_zeros(camera, &id, length), 200);
    let after = server.memory("VmHWM");
    assert!(after < before + (8 << 10), "{before} KiB became {after} KiB");
    eprintln!("{length} bytes: at most {after} KiB, {before} KiB before");
}
