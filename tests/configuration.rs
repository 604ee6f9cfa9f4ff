//! Configurations that the server cannot run with are refused before a port is
//! bound, with file, line and remedy, and exit code 78.

use std::fs;

use tempfile::TempDir;

use crate::fixture::mastodon::Scripted;
use crate::fixture::{PHOTO, Request, SUCCESS, Server, afterimage, guest};

/// Runs `serve` with this configuration and asserts that it ends at once with
/// these words, without having bound its port.
#[track_caller]
fn assert_refused(config: &str, words: &[&str]) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.toml"), config).unwrap();
    fs::write(folder.path().join("file"), "no folder").unwrap();
    // A port that is taken: bound first, its error would come first.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output =
        afterimage(folder.path(), &["serve", "--config", "config.toml", "--listen", &listen]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{error}");
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    assert_refused(
        "\nUPLOAD_FODLER = \"x\"\n",
        &["config.toml:2:", "UPLOAD_FODLER", "UPLOAD_FOLDER"],
    );
}

#[test]
fn a_wrong_type_is_refused_with_an_example() {
    assert_refused(
        "SENDERS = \"x\"\n",
        &["config.toml:1:", "SENDERS", "write it like SENDERS = ["],
    );
}

#[test]
fn limits_and_codes_that_make_no_sense_are_refused_with_an_example() {
    for (config, example) in [
        ("MAX_CONNECTIONS = 0\n", "MAX_CONNECTIONS = 512"),
        ("MAX_CONNECTIONS = 100000\n", "MAX_CONNECTIONS = 512"),
        ("HEAD_TIMEOUT = \"soon\"\n", "HEAD_TIMEOUT = \"20 s\""),
        ("SILENCE_TIMEOUT = \"0 s\"\n", "SILENCE_TIMEOUT = \""),
        ("MIN_RATE = \"fast\"\n", "MIN_RATE = \""),
        ("ERROR_CODES = \"3111\"\n", "\"gateway\""),
        ("OAUTH_SENDER = \"x@example.org\"\n", "add it there"),
    ] {
        assert_refused(config, &["config.toml:1:", example]);
    }
}

#[test]
fn an_unknown_action_is_refused() {
    assert_refused(
        "[ACTIONS]\nfacebook = \"shred\"\n",
        &["config.toml:2:", "\"shred\"", "[PLUGINS.shred]"],
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert_refused("SENDERS = [\n\"a\",\nLISTEN = 3\n", &["config.toml:3:"]);
}

#[test]
fn a_missing_plugin_is_refused() {
    assert_refused(
        "[PLUGINS.printer]\nCOMPONENT = \"printer.wasm\"\n",
        &["config.toml:2:", "printer.wasm", "correct COMPONENT"],
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    assert_refused(
        "UPLOAD_FOLDER = \"file/upload\"\n",
        &["UPLOAD_FOLDER", "file/upload", "make it writable"],
    );
    assert_refused(
        "SPOOL_FOLDER = \"file/spool\"\n",
        &["SPOOL_FOLDER", "file/spool", "make it writable"],
    );
}

#[test]
fn a_missing_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let output = afterimage(folder.path(), &["serve", "--config", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.toml"));
}

#[test]
fn a_component_that_is_none_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.wasm");
    let config = format!(
        "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = {:?}\n",
        path.to_str().unwrap()
    );
    fs::write(&path, "hello").unwrap();
    assert_refused(&config, &["plugin x", "no WebAssembly component"]);
    fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
    assert_refused(&config, &["plugin x", "core module", "wasm32-wasip2"]);
    fs::write(&path, b"\0asm\x0d\0\x01\0").unwrap();
    assert_refused(&config, &["plugin x", "exports no afterimage:action/handler"]);
    fs::write(&path, b"\0asm\x0d\0\x01\0garbage").unwrap();
    assert_refused(&config, &["plugin x"]);
}

#[test]
fn a_component_of_other_bytes_is_refused() {
    let config = format!(
        "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = {:?}\nSHA256 = \"{}\"\n",
        guest("echo"),
        "0".repeat(64)
    );
    assert_refused(&config, &["plugin x", "its SHA-256 is"]);
}

#[test]
fn a_component_that_wants_more_than_it_is_granted_is_refused() {
    let config = format!(
        "[ACTIONS]\nfacebook = \"x\"\n[PLUGINS.x]\nCOMPONENT = {:?}\n",
        guest("wants-store")
    );
    assert_refused(&config, &["plugin x", "asks for store", "ALLOW = { STORE = \"folder\" }"]);
}

#[test]
fn a_second_server_on_the_same_spool_is_refused() {
    let server = Server::start("");
    let output = afterimage(
        server.folder(),
        &["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another server"));
}

#[test]
fn the_shipped_configuration_runs_as_it_is() {
    Server::start(include_str!("../config.toml"));
}

/// Every key that the older Python server knows, beside those of `[MASTODON]`.
#[test]
fn a_configuration_of_the_older_server_loads_unchanged() {
    let server = Server::start(
        r#"UPLOAD_FOLDER = "./upload"
SESSION_FOLDER = "./sessions"
INSECURE_DOWNLOAD = true
SENDERS = ["Camera@samsungcamera.com"]
SECRET = "xiev5kaMeehaimub"
MAIL_SERVER = "localhost"
MAIL_PORT = 25
MAIL_USERNAME = "user"
MAIL_PASSWORD = "password"
MAIL_USE_TLS = true
MAIL_USE_SSL = false
MAIL_DEFAULT_SENDER = "user@example.org"

[SHELL]
CMD = "/bin/cat {filename}"
STDIN = "{subject}"

[SHELL.log]
CMD = ["/bin/echo", "{sender}", "{recipient}", "{body}"]

[ACTIONS]
facebook = "store"
"mail@example.org" = "mail"
"drop@example.org" = "drop"
"run@example.org" = "shell"
"log@example.org" = "shell.log"
"#,
    );
    assert!(server.log().contains("INSECURE_DOWNLOAD"));
    assert!(!server.log().contains("password"));
}

#[test]
fn a_secret_that_would_not_be_sent_as_meant_is_refused() {
    let plugin = format!(
        "[PLUGINS.x]\nCOMPONENT = {:?}\nSHA256 = \"{}\"\nALLOW = {{ HTTP = [\"https://a.org\"] }}\n",
        guest("echo"),
        "0".repeat(64)
    );
    for (secrets, words) in [
        (
            r#"{ ORIGIN = "https://b.org", HEADER = "x-key", VALUE = "s3cret" }"#,
            "https://b.org is not allowed; add ALLOW = { HTTP = [\"https://b.org\"] }",
        ),
        (r#"{ ORIGIN = "https://a.org", HEADER = "Host", VALUE = "s3cret" }"#, "name of a header"),
        (r#"{ ORIGIN = "https://a.org", HEADER = "x-key" }"#, "one of VALUE = "),
        (
            r#"{ ORIGIN = "https://a.org", HEADER = "x-key", VALUE = "s3\ncret" }"#,
            "VALUE = \"...\", a line of text",
        ),
        (
            r#"{ ORIGIN = "https://a.org", HEADER = "x-a", VALUE = "s3cret" },
               { ORIGIN = "https://a.org", HEADER = "x-b", VALUE = "s3cret" }"#,
            "one VALUE and one SIGN at most",
        ),
        (
            r#"{ ORIGIN = "https://a.org", HEADER = "x-a", VALUE = "s3cret" },
               { ORIGIN = "https://a.org", HEADER = "X-A", SIGN = "s3cret" }"#,
            "VALUE and SIGN of an origin need two headers",
        ),
    ] {
        let config = format!("{plugin}SECRETS = [{secrets}]\n");
        assert_refused(&config, &["config.toml:", "[PLUGINS.x]: SECRETS: ", words]);
    }
}

/// A configuration of the older server, with every key that it has
/// (`protocol.md` 7) and the token's file that its login script made.
const OLDER: &str = r##"UPLOAD_FOLDER = "/tmp/"
SESSION_FOLDER = "/tmp/"
INSECURE_DOWNLOAD = false
SENDERS = ['Camera@samsungcamera.com']
SECRET = "xiev5kaMeehaimub"
MAIL_SERVER = 'mail.example.org'
MAIL_PORT = 587
MAIL_USERNAME = 'username'
MAIL_PASSWORD = 'password'
MAIL_USE_TLS = true
MAIL_USE_SSL = false
MAIL_DEFAULT_SENDER = 'cameras@example.org'

[MASTODON]
TOKEN = 'mastodon.secret'
POSTSCRIPT = '#nx300'
VISIBILITY = 'unlisted'

[MASTODON.pub]
VISIBILITY = 'public'

[SHELL]
CMD = [ "./log.sh", "{sender}", "{recipient}", "{filename}" ]

[SHELL.log]
STDIN = """{sender} to {recipient}, {subject}:
{body}
{filename}
"""

[ACTIONS]
facebook = "mastodon"
picasa = "store"
"masto@example.org" = "mastodon"
"masto-public@example.org" = "mastodon.pub"
"store@example.org" = "store.mailfolder"
"drop@example.org" = "drop"
"##;

#[test]
fn the_example_of_the_older_server_runs_and_does_what_it_did() {
    let peer = Scripted::start(Vec::new());
    let folder = TempDir::new().unwrap();
    // Its uploads lie in /tmp, where a test has no business.
    let config = OLDER.replace("/tmp/", folder.path().to_str().unwrap());
    fs::write(folder.path().join("mastodon.secret"), format!("t0ken\n{}\n", peer.url)).unwrap();
    let server = Server::start_in(folder, &config);
    let send = |to: &str| {
        let request = Request::new().to(&[to]).text("Boat~a boat");
        assert_eq!(server.send(&request.bytes()).body, SUCCESS, "{to}");
    };
    for recipient in ["masto@example.org", "masto-public@example.org", "masto@example.org"] {
        send(recipient);
    }
    server.share("facebook", "A.JPG", "Boat~a boat", PHOTO);
    server.share("picasa", "B.JPG", "no words", b"second");
    send("store@example.org");
    send("drop@example.org");
    server.settle();
    let mut posts: Vec<(String, String)> = peer
        .requests("POST /api/v1/statuses")
        .iter()
        .map(|post| {
            let post: serde_json::Value = serde_json::from_slice(&post.body).unwrap();
            let text = |key: &str| post[key].as_str().unwrap().to_owned();
            (text("visibility"), text("status"))
        })
        .collect();
    posts.sort();
    let visibilities: Vec<&str> = posts.iter().map(|(visibility, _)| visibility.as_str()).collect();
    // The third e-mail repeats the first one, as a camera does after a lost answer.
    assert_eq!(visibilities, ["public", "unlisted", "unlisted"]);
    assert!(posts.iter().all(|(_, status)| status.ends_with("#nx300")));
    assert!(server.folder().join("mailfolder/SAM_0042.JPG").is_file());
    // protocol.md 7, rule 8: the folder that the older server made.
    assert!(server.folder().join("yZXbyiz-pZX2DqmBjoRl/B.JPG").is_file());
    assert!(!server.log().contains("t0ken") && !server.log().contains("password"));
}

#[test]
fn a_token_whose_file_is_missing_is_refused_with_the_command_that_makes_it() {
    assert_refused(
        OLDER,
        &[
            "config.toml:15:",
            "[MASTODON] TOKEN:",
            "mastodon.secret is no file",
            "afterimage login mastodon https://your.server",
        ],
    );
}

#[test]
fn a_missing_token_of_an_action_that_nothing_goes_to_is_no_fault() {
    let actions = OLDER.find("[ACTIONS]").unwrap();
    Server::start(&OLDER[..actions].replace("/tmp/", "data"));
}
