//! What an operator writes is understood, or told in words that cure it: no
//! photo fails for a line that looked right.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::fixture::{Request, SUCCESS, Server, afterimage};

/// Runs `serve` in `folder` and returns exit code and words of a server that
/// does not start.
fn refused_in(folder: &Path, config: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    fs::write(folder.join("config.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder)
        .args(["serve", "--config", "config.toml"])
        .envs(variables.iter().copied())
        // Taken, so that a server that would start ends as well.
        .args(["--listen", &taken().local_addr().unwrap().to_string()])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A port that stays taken.
fn taken() -> &'static TcpListener {
    static TAKEN: std::sync::OnceLock<TcpListener> = std::sync::OnceLock::new();
    TAKEN.get_or_init(|| TcpListener::bind("127.0.0.1:0").unwrap())
}

#[track_caller]
fn assert_refused(config: &str, words: &[&str]) {
    let folder = TempDir::new().unwrap();
    let (code, error) = refused_in(folder.path(), config, &[]);
    assert_eq!(code, Some(78), "{config}{error}");
    assert!(!error.contains("cannot listen"), "{config} starts");
    for word in words {
        assert!(error.contains(word), "no {word:?} for {config:?} in {error}");
    }
}

/// Runs with this configuration and asserts that the log has these words.
#[track_caller]
fn assert_warned(config: &str, words: &[&str]) -> Server {
    let server = Server::start(config);
    for word in words {
        server.logged(&[word]);
    }
    server
}

fn send_to(server: &Server, recipient: &str) -> String {
    server.send(&Request::new().to(&[recipient]).bytes()).body
}

#[test]
fn the_shipped_file_takes_the_first_photo_whoever_it_is_for() {
    let shipped = include_str!("../config.toml");
    // As somebody would who tries its own example.
    let tried = shipped.replace("#\"holiday@example.org\"", "\"holiday@example.org\"");
    assert_ne!(shipped, tried);
    for config in [shipped, &tried] {
        let server = Server::start(config);
        assert_eq!(send_to(&server, "anybody@example.net"), SUCCESS);
    }
}

#[test]
fn the_most_specific_address_decides_and_a_star_takes_the_rest() {
    let server = Server::start(
        "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n\"me@example.org\" = \"store.me\"\n\
         \"*@Example.org\" = \"store.club\"\n\"*\" = \"store.rest\"\n",
    );
    for recipient in ["me@example.org", "you@EXAMPLE.org", "x@sub.example.org"] {
        assert_eq!(send_to(&server, recipient), SUCCESS, "{recipient}");
    }
    server.settle();
    for folder in ["me", "club", "rest"] {
        assert!(server.folder().join("upload").join(folder).join("SAM_0042.JPG").is_file());
    }
}

#[test]
fn what_becomes_of_the_rest_is_told_at_start() {
    let some = "[ACTIONS]\n\"a@example.org\" = \"store\"\n";
    assert_warned(some, &["e-mail to any other address is REFUSED", "\"*\" = \"store\""]);
    let all = "[ACTIONS]\n\"*\" = \"ignore\"\n";
    assert_warned(all, &["every e-mail goes to ignore", "every service to store"]);
    let mail = "MAIL_SERVER = \"mail.example.org\"\n[ACTIONS]\n\"*\" = \"ignore\"\n";
    assert_warned(mail, &["nothing goes to email", "\"*\" = \"email\""]);
}

#[test]
fn stars_that_mean_nothing_are_refused_with_those_that_do() {
    for target in ["a*@example.org", "*@", "*@*", "*@a@b", "*.example.org", "a@*.example.org"] {
        assert_refused(
            &format!("[ACTIONS]\n\"{target}\" = \"store\"\n"),
            &["config.toml:2:", "\"*@example.org\"", "\"*\""],
        );
    }
    assert_refused(
        "[ACTIONS]\n\"*@example.org\" = \"store\"\n\"*@EXAMPLE.org\" = \"ignore\"\n",
        &["config.toml:3:", "mapped twice"],
    );
}

#[test]
fn values_that_could_not_work_are_refused_with_the_remedy() {
    for (config, words) in [
        ("SENDERS = []\n", "name the address that is set on the camera"),
        ("SENDERS = [\"\"]\n", "name the address that is set on the camera"),
        ("SENDERS = [\"Alice <a@b.org>\"]\n", "write \"a@b.org\" alone"),
        ("SENDERS = [\"a@b.org \"]\n", "write \"a@b.org\""),
        ("SENDERS = [\"a@b.org, c@d.org\"]\n", "in quotes of its own"),
        ("SENDERS = [\"*@b.org\"]\n", "no patterns"),
        ("MAX_UPLOAD = \"0 B\"\n", "more than 0"),
        ("MAX_UPLOAD = 0\n", "more than 0"),
        ("MAIL_MAX_SIZE = \"0\"\n", "more than 0"),
        ("MAIL_TIMEOUT = \"0 s\"\n", "more than 0"),
        ("MAIL_PORT = 0\n", "from 1 to 65535"),
        ("MAX_QUEUE = -1\n", "a whole number, at least 1"),
        ("SECRET = \"\"\n", "remove the line, and one is made"),
        ("SECRET = \"  \"\n", "remove the line, and one is made"),
        ("UPLOAD_FOLDER = \"~/photos\"\n", "write the whole path"),
        ("UPLOAD_FOLDER = \"$HOME/photos\"\n", "write the whole path"),
        ("CAPTURE_FOLDER = \"\"\n", "it is empty"),
        ("UPLOAD_FOLDER = \"spool/x\"\nSPOOL_FOLDER = \"spool\"\n", "name another one"),
        ("MAIL_SERVER = \"\"\n", "it is empty"),
        ("MAIL_SERVER = \"smtp.example.org:587\"\n", "MAIL_PORT = 587"),
        ("MAIL_SERVER = \"smtps://smtp.example.org\"\n", "without scheme"),
        ("LISTEN = \"8080\"\n", "\"*:8080\""),
        ("RETRY_DELAYS = [\"soon\"]\n", "min, h, days"),
        ("KEEP_DELIVERED = { RECEIPT = \"1 h\" }\n", "known are RECEIPTS and FILES"),
    ] {
        assert_refused(config, &["config.toml:1:", words]);
    }
    for (target, words) in [
        ("a@b.org ", "write \"a@b.org\""),
        ("A <a@b.org>", "write \"a@b.org\" alone"),
        ("mailto:a@b.org", "write \"a@b.org\" alone"),
        ("a@b.org,c@d.org", "is no address"),
        ("@b.org", "is no address"),
        ("a@", "is no address"),
        ("my photos", "services are facebook"),
    ] {
        let config = format!("[ACTIONS]\n\"{target}\" = \"store\"\n");
        assert_refused(&config, &["config.toml:2:", words]);
    }
}

#[test]
fn what_will_hardly_do_what_is_meant_is_told_at_start() {
    assert_warned("SENDERS = [\"alice\"]\n", &["\"alice\" is no e-mail address"]);
    assert_warned(
        "[ACTIONS]\n\"a@example.org\" = \"mail\"\n",
        &["MAIL_SERVER is not set; set it unless"],
    );
    assert_warned(
        "[ACTIONS]\nfacebook = \"email.nosuch\"\n[EMAIL]\nTO = [\"a@example.org\"]\n",
        &["email.nosuch has no settings of its own", "add [EMAIL.nosuch]"],
    );
    assert_warned(
        "[ACTIONS]\nfacebook = \"shell\"\n[SHELL]\nCMD = \"no-such-program-anywhere {filename}\"\n",
        &["no-such-program-anywhere", "PATH"],
    );
}

#[test]
fn a_key_that_landed_in_a_table_is_told_where_it_belongs() {
    for (config, line, table) in [
        ("# mine\n[ACTIONS]\nfacebook = \"store\"\nCAPTURE_FOLDER = \"capture\"\n", 4, "ACTIONS"),
        ("# mine\n[SENDERS]\n\"a@example.org\" = \"\"\nLISTEN = \"*:80\"\n", 4, "SENDERS"),
        ("# mine\n[EMAIL]\nMAIL_SERVER = \"mail.example.org\"\n", 3, "EMAIL"),
        ("# mine\n[SHELL.log]\nMAX_UPLOAD = \"1 GiB\"\n", 3, "SHELL.log"),
        ("# mine\n[PLUGINS.x]\nCOMPONENT = \"x.wasm\"\nLISTEN = \"*:80\"\n", 4, "PLUGINS.x"),
    ] {
        let key = config.lines().last().unwrap().split(' ').next().unwrap();
        let place = format!("config.toml:{line}:");
        let words = format!("{key} belongs above line 2, before the first table");
        assert_refused(config, &[&place, &words, &format!("[{table}]")]);
    }
}

#[test]
fn faults_are_told_in_words_of_the_manual() {
    for (config, words) in [
        ("MAIL_PORT = \"x\"\n", "a whole number from 1 to 65535 is needed, not \"x\""),
        ("MAX_CONNECTIONS = 1.5\n", "a whole number from 1 to 65535 is needed, not 1.5"),
        ("MAIL_USE_TLS = \"yes\"\n", "true or false, without quotes"),
        ("LISTEN = 80\n", "a text in quotes is needed, not 80"),
        ("KEEP_DELIVERED = \"30 days\"\n", "a table of RECEIPTS and FILES is needed"),
        ("HEAD_TIMEOUT = 20\n", "with its unit, like \"20 s\""),
        ("SENDERS = 3\n", "a list of addresses"),
        ("ACTIONS = \"store\"\n", "a table like [ACTIONS]"),
        ("PLUGINS = 3\n", "a table like { KEY"),
        ("SECRET = 5\n", "a text in quotes"),
        ("MAX_UPLOAD = \"4 apples\"\n", "B, KiB, MiB, GiB, or kB, MB, GB"),
    ] {
        let folder = TempDir::new().unwrap();
        let (code, error) = refused_in(folder.path(), config, &[]);
        assert_eq!(code, Some(78), "{config}{error}");
        assert!(error.contains("config.toml:1:") && error.contains(words), "{config}{error}");
        for parsers in ["u16", "struct", "invalid type", "expected", "map", "sequence"] {
            assert!(!error.contains(parsers), "{parsers:?} in {error}");
        }
    }
    assert_refused(
        "LISTEN = \"*:80\"\nLISTEN = \"*:81\"\n",
        &["config.toml:2:", "LISTEN stands there twice"],
    );
}

#[test]
fn units_that_people_write_are_understood() {
    let server = Server::start(
        "MAX_UPLOAD = \"100 MB\"\nMIN_FREE_SPACE = \"1M\"\nMIN_RATE = 500\n\
         MAIL_MAX_SIZE = \"1.5 GiB\"\nHEAD_TIMEOUT = \"1min\"\n",
    );
    assert_eq!(send_to(&server, "a@example.org"), SUCCESS);
}

#[test]
fn the_older_servers_flat_keys_are_those_of_its_table() {
    let older = "MASTODON_TOKEN = \"t0ken\"\nMASTODON_BASE_URL = \"https://a.example.org\"\n\
        MASTODON_POSTSCRIPT = \"#nx300\"\nMASTODON_VISIBILITY = \"unlisted\"\n\
        [ACTIONS]\nfacebook = \"mastodon\"\n";
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.toml"), older).unwrap();
    let output = afterimage(folder.path(), &["config"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("\"POSTSCRIPT\" = \"#nx300\""), "{text}");
    assert!(!text.contains("t0ken"), "{text}");
    Server::start(older);
    let wrong = older.replace("unlisted", "all");
    assert_refused(&wrong, &["config.toml:4:", "\"all\" is none of public"]);
    assert_refused("MASTODON_TOKN = \"x\"\n", &["config.toml:1:", "unknown key MASTODON_TOKN"]);
}

#[test]
fn the_older_servers_temporary_folder_keeps_no_photos() {
    let folder = TempDir::new().unwrap();
    let server = Server::start_in(folder, "SESSION_FOLDER = \"/tmp/\"\n");
    server.logged(&["SESSION_FOLDER: /tmp/ is a temporary folder"]);
    assert!(server.folder().join("spool/ledger.sqlite").is_file());
}

#[test]
fn a_port_that_is_taken_is_refused_with_who_has_it() {
    let folder = TempDir::new().unwrap();
    let (code, error) = refused_in(folder.path(), "", &[]);
    assert_eq!(code, Some(78));
    let id = format!("(process {}) has it", std::process::id());
    assert!(error.contains(&id) && error.contains("LISTEN"), "{error}");
}

#[test]
fn a_second_server_leaves_the_first_ones_files_alone() {
    let server = Server::start("");
    let growing = server.folder().join("upload/.growing");
    fs::write(growing.join("half"), "a copy under way").unwrap();
    let arguments = ["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"];
    assert_eq!(afterimage(server.folder(), &arguments).status.code(), Some(78));
    assert!(growing.join("half").is_file());
}

#[test]
fn the_environment_counts_before_the_file() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "s3cret\n").unwrap();
    fs::write(
        folder.path().join("config.toml"),
        "MAIL_SERVER = \"mail.example.org\"\nMAIL_PORT = 25\nMAIL_USERNAME = \"me\"\n\
         MAIL_PASSWORD_FILE = \"password\"\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder.path())
        .arg("config")
        .env("AFTERIMAGE_MAIL_PORT", "587")
        .env("AFTERIMAGE_SENDERS", "a@example.org, b@example.org")
        .env("AFTERIMAGE_ACTIONS", "{ \"*\" = \"store.all\" }")
        .env("AFTERIMAGE_MAIL_PROT", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "# AFTERIMAGE_MAIL_PORT",
        "MAIL_SERVER = \"mail.example.org\"",
        "# config.toml:1",
        "# config.toml:4, password",
        "MAIL_PASSWORD = \"(secret)\"",
        "every e-mail goes to store.all",
        "did you mean AFTERIMAGE_MAIL_PORT?",
        "# LISTEN = \"0.0.0.0:8080\"",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    let wrong = refused_in(folder.path(), "", &[("AFTERIMAGE_MAIL_PORT", "x")]);
    assert_eq!(wrong.0, Some(78));
    assert!(wrong.1.contains("AFTERIMAGE_MAIL_PORT: MAIL_PORT: a whole number"), "{}", wrong.1);
    let both = "SECRET = \"a\"\nSECRET_FILE = \"password\"\n";
    let both = refused_in(folder.path(), both, &[]);
    assert!(both.1.contains("SECRET and SECRET_FILE are both there"), "{}", both.1);
}

#[test]
fn the_older_servers_variable_names_the_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine.toml"), "MAX_QUEUE = 7\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder.path())
        .arg("config")
        .env("CONFIG", "mine.toml")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("MAX_QUEUE = 7") && text.contains("# mine.toml:1"), "{text}");
}
