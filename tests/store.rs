//! The action `store`: what is kept, where, under which name.

use std::mem::MaybeUninit;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::inotify;

use crate::fixture::{PHOTO, Request, SUCCESS, Server};

const HOLIDAY: &str = "[ACTIONS]\n\"a@example.org\" = \"store.holiday\"\n[STORE.holiday]\n";

#[test]
fn an_instance_keeps_files_in_a_folder_of_its_name() {
    let server = Server::start(HOLIDAY);
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).bytes()).body, SUCCESS);
    server.settle();
    let kept = std::fs::read(server.folder().join("upload/holiday/SAM_0042.JPG")).unwrap();
    assert!(kept == PHOTO);
}

#[test]
fn other_bytes_under_a_name_that_is_taken_get_a_number() {
    let server = Server::start(HOLIDAY);
    let request = |bytes: &[u8]| Request::new().to(&["a@example.org"]).file("A.JPG", bytes).bytes();
    for bytes in [&b"one"[..], b"two", b"one", b"two", b"six"] {
        assert_eq!(server.send(&request(bytes)).body, SUCCESS);
        server.settle();
    }
    let stored: Vec<(String, Vec<u8>)> = server
        .stored()
        .into_iter()
        .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes))
        .collect();
    assert_eq!(
        stored,
        [
            ("holiday/A-2.JPG".to_owned(), b"two".to_vec()),
            ("holiday/A-3.JPG".to_owned(), b"six".to_vec()),
            ("holiday/A.JPG".to_owned(), b"one".to_vec()),
        ]
    );
}

#[test]
fn a_folder_in_the_way_is_not_replaced() {
    let server = Server::start(HOLIDAY);
    std::fs::create_dir_all(server.folder().join("upload/holiday/SAM_0042.JPG")).unwrap();
    assert_eq!(server.send(&Request::new().to(&["a@example.org"]).bytes()).body, SUCCESS);
    assert_eq!(server.only_stored().0, "SAM_0042-2.JPG");
}

#[test]
fn a_watcher_of_close_write_sees_each_file_once_and_complete() {
    let server = Server::start(HOLIDAY);
    let folder = server.folder().join("upload/holiday");
    std::fs::create_dir_all(&folder).unwrap();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, &folder, inotify::WatchFlags::CLOSE_WRITE).unwrap();
    let request = Request::new().to(&["a@example.org"]).and_file("SAM_0043.JPG", b"second");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    // The same again makes no file and no event.
    assert_eq!(server.send(&request.text("again").bytes()).body, SUCCESS);
    server.settle();
    std::fs::write(folder.join("end"), "").unwrap();

    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut seen = Vec::new();
    loop {
        let name = events.next().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        if name == "end" {
            break;
        }
        let length = std::fs::metadata(folder.join(&name)).unwrap().len();
        seen.push((name, length));
    }
    let photo = PHOTO.len() as u64;
    assert_eq!(seen, [("SAM_0042.JPG".to_owned(), photo), ("SAM_0043.JPG".to_owned(), 6)]);
}

#[test]
fn a_disk_that_refuses_makes_the_photo_wait_in_the_queue() {
    let server = Server::start(HOLIDAY);
    let folder = server.folder().join("upload/holiday");
    // A file where the folder should be: refused for every user, root too.
    std::fs::write(&folder, "in the way").unwrap();
    let request = Request::new().to(&["a@example.org"]).bytes();
    assert_eq!(server.send(&request).body, SUCCESS);
    server.logged(&["action store.holiday failed", "next attempt"]);
    std::fs::remove_file(&folder).unwrap();
    server.queue(&["retry", "--all"]);
    assert_eq!(server.only_stored().1, PHOTO);
}

#[test]
fn the_folder_of_compiled_code_is_the_servers_alone() {
    let server = Server::start("");
    let folder = std::fs::metadata(server.folder().join("spool/compiled")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let secret = std::fs::metadata(server.folder().join("spool/secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
}
