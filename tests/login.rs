//! `afterimage login mastodon` against a real server, and a post with what it
//! wrote.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json as value;
use tempfile::TempDir;

use crate::fixture::mastodon::{Scripted, Snac, http, json};
use crate::fixture::{PHOTO, Request, SUCCESS, Server};

/// Logs in at `url` from `folder`, pasting what `allow` makes of the page's
/// address; what was printed behind it.
pub fn log_in(url: &str, folder: &Path, allow: impl Fn(&str) -> String) -> (bool, String) {
    let mut login = Command::new(env!("CARGO_BIN_EXE_afterimage"))
        .current_dir(folder)
        .args(["login", "mastodon", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(login.stdout.take().unwrap());
    let mut page = String::new();
    while !page.trim().starts_with("http") {
        page.clear();
        assert!(stdout.read_line(&mut page).unwrap() > 0);
    }
    writeln!(login.stdin.take().unwrap(), "{}", allow(page.trim())).unwrap();
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    login.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (login.wait().unwrap().success(), said)
}

#[test]
fn a_login_gives_a_token_that_posts() {
    let Some(peer) = Snac::start() else { return };
    let folder = TempDir::new().unwrap();
    let (worked, said) = log_in(&peer.url, folder.path(), |page| peer.allow(page));
    assert!(worked, "{said}");
    let settings = &said[said.find("[MASTODON]").expect("lines for config.toml")..];
    let file = folder.path().join("mastodon.secret");
    let secret = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = secret.lines().collect();
    assert_eq!((lines.len(), lines[1]), (4, peer.url.as_str()));
    assert!(!said.contains(lines[0]) && !said.contains(lines[3]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    mastodon_py_reads(&file, &peer.url);

    // An absolute path, since this server runs in another folder.
    let settings = settings.replace("mastodon.secret", file.to_str().unwrap());
    let server =
        Server::start(&format!("[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n{settings}"));
    let request = Request::new()
        .to(&["toot@example.net"])
        .text("Boats~a red boat~a blue boat")
        .and_file("SAM_0043.JPG", PHOTO);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 2 files", &peer.url]);
    let (status, page) = http(&peer.url, "GET", &format!("/{}", Snac::USER), "", "");
    assert_eq!(status, 200);
    for shown in ["Boats", "a red boat", "a blue boat"] {
        assert!(page.contains(shown), "no {shown:?} in {page}");
    }
    assert!(!server.log().contains(lines[0]));
}

/// The format is that of Mastodon.py, which reads the file here.
fn mastodon_py_reads(file: &Path, url: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("peers/mastodon/bin/python");
    if !python.exists() {
        return;
    }
    let program = "import sys; from mastodon import Mastodon; \
                   m = Mastodon(access_token=sys.argv[1]); \
                   print(m.api_base_url, m.account_verify_credentials().username)";
    let output = Command::new(python).args(["-c", program]).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), format!("{url} {}", Snac::USER), "{output:?}");
}

#[test]
fn a_whole_address_can_be_pasted() {
    let Some(peer) = Snac::start() else { return };
    let folder = TempDir::new().unwrap();
    let whole = |page: &str| format!("https://social.example.org/native?code={}", peer.allow(page));
    let (worked, said) = log_in(&peer.url, folder.path(), whole);
    assert!(worked, "{said}");
}

/// snac2 takes any code.
#[test]
fn a_wrong_code_is_told_and_leaves_no_file() {
    let peer = Scripted::start(vec![
        ("POST /api/v1/apps", json(200, value!({ "client_id": "id", "client_secret": "secret" }))),
        (
            "POST /oauth/token",
            json(400, value!({ "error": "invalid_grant", "error_description": "No such code" })),
        ),
    ]);
    let folder = TempDir::new().unwrap();
    let (worked, said) = log_in(&peer.url, folder.path(), |page| {
        for asked in ["scope=write%3Amedia+write%3Astatuses&", "code_challenge_method=S256"] {
            assert!(page.contains(asked), "{page}");
        }
        "wrong".to_owned()
    });
    assert!(!worked && said.contains("the code was not accepted"), "{said}");
    assert!(said.contains("No such code"), "{said}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}
