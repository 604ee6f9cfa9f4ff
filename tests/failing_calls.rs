//! The Nth call of the server on its spool fails, for every N until a run comes
//! through: an upload, a post that grows, a start. Whatever fails, a camera
//! that heard OK is right, and so is one that heard an error.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, guest, oracle, preload, send_to, social};

const EIO: i32 = 5;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
/// A write of half the bytes.
const SHORT: i32 = -1;

/// Makes calls fail in servers that it starts.
struct Faults {
    tools: TempDir,
    library: PathBuf,
    control: File,
}

impl Faults {
    fn new() -> Option<Self> {
        let tools = TempDir::new().unwrap();
        let library = preload("faults", tools.path())?;
        let control_file = tools.path().join("control");
        fs::write(&control_file, [0; 16]).unwrap();
        let control = File::options().read(true).write(true).open(control_file).unwrap();
        Some(Self { tools, library, control })
    }

    /// From now on, the `nth` call fails with `error`, once.
    fn arm(&self, nth: i32, error: i32) {
        self.arm_some(nth, error, false);
    }

    /// The same of the calls of `fsync` and `fdatasync` alone.
    fn arm_sync(&self, nth: i32) {
        self.arm_some(nth, EIO, true);
    }

    fn arm_some(&self, nth: i32, error: i32, only_syncs: bool) {
        let arm = [nth, error, 0, only_syncs.into()];
        let arm: Vec<u8> = arm.iter().flat_map(|n: &i32| n.to_ne_bytes()).collect();
        self.control.write_all_at(&arm, 0).unwrap();
    }

    /// Whether a call has failed since; none does any more.
    fn fired(&self) -> bool {
        let mut fired = [0; 4];
        self.control.read_exact_at(&mut fired, 8).unwrap();
        self.arm(0, 0);
        fired != [0; 4]
    }

    fn program(&self, folder: &TempDir) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_afterimage"));
        program.env("LD_PRELOAD", &self.library);
        program.env("FAULTS_CONTROL", self.tools.path().join("control"));
        program.env("FAULTS_FOLDER", spool(folder.path()));
        program
    }

    fn start(&self, folder: TempDir, config: &str) -> Server {
        let config = in_spool(&folder, config);
        Server::start_with(self.program(&folder), folder, &config)
    }
}

/// Absolute, since the library would not recognise a relative one.
fn spool(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap().join("spool")
}

fn in_spool(folder: &TempDir, config: &str) -> String {
    format!("SPOOL_FOLDER = {:?}\nMIN_FREE_SPACE = \"0 B\"\n{config}", spool(folder.path()))
}

/// Asserts that the spool is empty and sound when nothing waits any more.
#[track_caller]
fn assert_swept(folder: &TempDir) {
    let spool = folder.path().join("spool");
    assert_eq!(fs::read_dir(spool.join("uploads")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(spool.join("notes")).unwrap().count(), 0);
    oracle::assert_integrity(&spool);
}

fn fail_each_call_of_an_upload(error: i32) {
    let Some(faults) = Faults::new() else { return };
    let config = "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"a@example.org\" = \"store.kept\"\n";
    let server = faults.start(TempDir::new().unwrap(), config);

    let mut ok = BTreeSet::new();
    let mut refused = BTreeSet::new();
    let mut failed = 0;
    for nth in 1.. {
        faults.arm(nth, error);
        let bytes = format!("photo {nth}").into_bytes();
        let request = Request::new().to(&["a@example.org"]).text(&nth.to_string());
        let answer = server.send(&request.file(&format!("{nth}.JPG"), &bytes).bytes());
        match answer.body == SUCCESS {
            true => ok.insert(bytes),
            false => {
                answer.assert_error(507, "Storage failed");
                refused.insert(bytes)
            }
        };
        server.settle();
        if !faults.fired() {
            break;
        }
        failed += 1;
        assert!(nth < 500, "no upload comes through");
    }
    assert!(failed >= 10, "only {failed} calls failed: the library is not at work");
    eprintln!("error {error}: {failed} calls of an upload failed, {} refused", refused.len());

    let folder = server.kill();
    let config = in_spool(&folder, config);
    let server = Server::start_in(folder, &config);
    let kept: BTreeSet<Vec<u8>> = server.stored().into_values().collect();
    assert_eq!(kept, ok, "kept are exactly those that heard OK");
    assert!(kept.is_disjoint(&refused));
    assert_swept(&server.end());
}

#[test]
fn an_input_output_error_at_any_call_is_never_an_ok() {
    fail_each_call_of_an_upload(EIO);
}

#[test]
fn a_full_disk_at_any_call_is_never_an_ok() {
    fail_each_call_of_an_upload(ENOSPC);
}

#[test]
fn no_free_descriptor_at_any_call_is_never_an_ok() {
    fail_each_call_of_an_upload(EMFILE);
}

#[test]
fn a_short_write_at_any_call_loses_nothing() {
    fail_each_call_of_an_upload(SHORT);
}

/// A large file is brought to the disk while it comes. It is an early sync that
/// fails first, then the last one, that of its folder, of all folders, of the
/// ledger; each is reason enough to refuse.
#[test]
fn a_sync_that_fails_is_never_an_ok_for_a_large_file_either() {
    let Some(faults) = Faults::new() else { return };
    let server = faults.start(TempDir::new().unwrap(), "REPEAT_WINDOW = \"0 s\"\n");
    let large = Request::new().file("A.MP4", &vec![7; 33 << 20]).bytes();
    for nth in 1..=5 {
        faults.arm_sync(nth);
        server.send(&large).assert_error(507, "Storage failed");
        assert!(faults.fired(), "{nth}");
    }
    assert_eq!(server.send(&large).body, SUCCESS);
    assert_eq!(server.stored().len(), 1);
    assert!(server.stop().is_empty());
}

/// The second file of a post, and its delivery, which keeps notes; a camera that does not hear OK sends it again.
fn fail_each_call_of_a_growing_post(error: i32) {
    let Some(faults) = Faults::new() else { return };
    let config = format!(
        "COLLECT_TIMEOUT = \"1 h\"\nRETRY_DELAYS = [\"0 s\", \"10 ms\"]\nKEEP_DELIVERED = {{ FILES = \"1 h\" }}\n\
         [ACTIONS]\nfacebook = \"told\"\n[PLUGINS.told]\nCOMPONENT = {:?}\n",
        guest("as-told")
    );
    let mut server = faults.start(TempDir::new().unwrap(), &config);
    let session = server.log_in("facebook");
    let (mut failed, mut refused) = (0, 0);
    for nth in 1.. {
        let text = format!("files 2 note {nth}");
        let put = |server: &Server, name: &str| {
            let resource = server.announce("facebook", &session, name, &text);
            social::put(&resource, "image/jpeg", format!("{name} of {nth}").as_bytes())
        };
        assert_eq!(server.send(&put(&server, "A.JPG")).body, SUCCESS);
        let second = put(&server, "B.JPG");
        faults.arm(nth, error);
        let answer = send_to(server.address, &second).unwrap_or_default();
        if !answer.ends_with(SUCCESS) {
            refused += 1;
            // A commit of which nobody knows ends the server without an answer.
            if answer.is_empty() {
                server = faults.start(server.kill(), &config);
            }
            assert_eq!(server.send(&second).body, SUCCESS, "after {answer:?}");
        }
        server.settle();
        let posts = server.deliveries(&["--all"]);
        assert_eq!(posts.len(), usize::try_from(nth).unwrap(), "{}", server.queue(&["list"]));
        let post = posts.last().unwrap();
        assert_eq!(post["files"].as_array().unwrap().len(), 2, "{post}");
        // Compares each file with its SHA-256.
        let out = server.folder().join(format!("out-{nth}"));
        server.queue(&["export", &post["number"].to_string(), out.to_str().unwrap()]);
        assert_eq!(fs::read(out.join("B.JPG")).unwrap(), format!("B.JPG of {nth}").as_bytes());
        if !faults.fired() {
            break;
        }
        failed += 1;
        assert!(nth < 500, "no post comes through");
    }
    assert!(failed >= 10, "only {failed} calls failed: the library is not at work");
    eprintln!("error {error}: {failed} calls of a growing post failed, {refused} refused");
    oracle::assert_integrity(&server.end().path().join("spool"));
}

#[test]
fn an_input_output_error_at_any_call_leaves_a_growing_post_whole() {
    fail_each_call_of_a_growing_post(EIO);
}

#[test]
fn a_full_disk_at_any_call_leaves_a_growing_post_whole() {
    fail_each_call_of_a_growing_post(ENOSPC);
}

#[test]
fn no_free_descriptor_at_any_call_leaves_a_growing_post_whole() {
    fail_each_call_of_a_growing_post(EMFILE);
}

#[test]
fn a_short_write_at_any_call_leaves_a_growing_post_whole() {
    fail_each_call_of_a_growing_post(SHORT);
}

#[test]
fn an_input_output_error_at_any_call_of_a_start_loses_nothing() {
    fail_each_call_of_a_start(EIO);
}

#[test]
fn a_full_disk_at_any_call_of_a_start_loses_nothing() {
    fail_each_call_of_a_start(ENOSPC);
}

#[test]
fn no_free_descriptor_at_any_call_of_a_start_loses_nothing() {
    fail_each_call_of_a_start(EMFILE);
}

/// A start either succeeds or says what fails, and loses nothing.
fn fail_each_call_of_a_start(error: i32) {
    let Some(faults) = Faults::new() else { return };
    let config = |delay: &str| {
        format!(
            "RETRY_DELAYS = [{delay:?}]\n[ACTIONS]\n\"a@example.org\" = \"store.kept\"\n[STORE.kept]\n"
        )
    };
    let server = faults.start(TempDir::new().unwrap(), &config("1 h"));
    let request = Request::new().to(&["a@example.org"]).file("A.JPG", b"the photo");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    let mut folder = server.kill();
    let (mut failed, mut refused) = (0, 0);
    for nth in 1.. {
        // What a crash leaves, for the start to remove.
        fs::create_dir_all(folder.path().join("spool/uploads/leftover")).unwrap();
        fs::write(folder.path().join("spool/notes/leftover.notes"), "").unwrap();
        faults.arm(nth, error);
        let waiting = in_spool(&folder, &config("1 h"));
        folder = match Server::try_start(faults.program(&folder), folder, &waiting) {
            Ok(server) => {
                assert_eq!(server.deliveries(&[]).len(), 1);
                server.kill()
            }
            Err((folder, words)) => {
                refused += 1;
                // SQLite opens for reading what it cannot open for writing.
                let names_it = [
                    "Input/output error",
                    "No space left on device",
                    "Too many open files",
                    "database or disk is full",
                    "unable to open database file",
                    "disk I/O error",
                    "cannot be opened for writing",
                    "readonly database",
                ];
                assert!(names_it.iter().any(|name| words.contains(name)), "{words}");
                folder
            }
        };
        if !faults.fired() {
            break;
        }
        failed += 1;
        assert!(nth < 500, "no start comes through");
    }
    assert!(failed >= 10, "only {failed} calls failed: the library is not at work");
    eprintln!("error {error}: {failed} calls of a start failed, {refused} starts were refused");
    let server = faults.start(folder, &config("0 s"));
    server.queue(&["retry", "1"]);
    assert_eq!(server.only_stored().1, b"the photo");
    assert_swept(&server.end());
}
