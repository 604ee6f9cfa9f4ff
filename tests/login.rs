//! `afterimage login mastodon` against a real server, and a post with what it
//! wrote.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json as value;
use tempfile::TempDir;

use crate::fixture::mastodon::{Mock, Reply, Scripted, Snac, http, json};
use crate::fixture::peers::installed;
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
    let Some(python) = installed("mastodon/bin/python") else { return };
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

/// Who is asked for what, by a server that gives a token for `c0de`.
fn granting() -> Scripted {
    Scripted::start(vec![
        ("POST /api/v1/apps", json(200, value!({ "client_id": "id", "client_secret": "s3cret" }))),
        ("POST /oauth/token", json(200, value!({ "access_token": "t0ken", "scope": "write" }))),
        ("GET /api/v1/accounts/verify_credentials", json(200, value!({ "acct": "anna" }))),
    ])
}

fn state_of(page: &str) -> String {
    let page = url::Url::parse(page).unwrap();
    page.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

#[test]
fn a_code_is_understood_however_it_is_pasted() {
    let pasted: [&dyn Fn(&str) -> String; 5] = [
        &|_| "c0de".to_owned(),
        &|_| "  c0de  ".to_owned(),
        &|_| "c0de&state=None".to_owned(),
        &|page| format!("c0de&state={}", state_of(page)),
        &|page| format!("https://x.example.org/native?code=c0de&state={}", state_of(page)),
    ];
    for paste in pasted {
        // GoToSocial takes no request that does not say who asks.
        let peer = granting();
        let folder = TempDir::new().unwrap();
        let (worked, said) = log_in(&peer.url, folder.path(), paste);
        assert!(worked, "{said}");
        let asked: Vec<String> = peer.seen().into_iter().map(|seen| seen.what).collect();
        assert_eq!(
            asked,
            ["POST /api/v1/apps", "POST /oauth/token", "GET /api/v1/accounts/verify_credentials"]
        );
        for seen in peer.seen() {
            let agent = concat!("user-agent: afterimage/", env!("CARGO_PKG_VERSION"), "\r\n");
            assert!(seen.head.contains(agent), "{}", seen.head);
        }
        let form = |what: &str| {
            let body = peer.requests(what).remove(0).body;
            url::form_urlencoded::parse(&body).into_owned().collect::<Vec<_>>()
        };
        let has = |form: &[(String, String)], key: &str, value: &str| {
            form.iter().any(|(k, v)| k == key && v == value)
        };
        let app = form("POST /api/v1/apps");
        assert!(has(&app, "scopes", "write:media write:statuses"), "{app:?}");
        assert!(has(&app, "redirect_uris", "urn:ietf:wg:oauth:2.0:oob"), "{app:?}");
        let token = form("POST /oauth/token");
        assert!(has(&token, "code", "c0de") && has(&token, "client_secret", "s3cret"), "{token:?}");
        let check = peer.requests("GET /api/v1/accounts/verify_credentials").remove(0);
        assert!(check.head.contains("authorization: bearer t0ken"), "{}", check.head);

        let file = folder.path().join("mastodon.secret");
        let expected = format!("t0ken\n{}\nid\ns3cret\n", peer.url);
        assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for words in [
            "for @anna",
            "[MASTODON]",
            &format!("BASE_URL = {:?}", peer.url),
            "TOKEN = \"mastodon.secret\"",
        ] {
            assert!(said.contains(words), "no {words:?} in {said}");
        }
        assert!(!said.contains("t0ken") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_code_of_another_login_is_refused_before_anybody_is_asked() {
    for pasted in [
        "c0de&state=other",
        "https://x.example.org/?code=c0de&state=other",
        "",
        "https://x.example.org/",
    ] {
        let peer = granting();
        let folder = TempDir::new().unwrap();
        let (worked, said) = log_in(&peer.url, folder.path(), |_| pasted.to_owned());
        assert!(!worked, "{said}");
        assert_eq!(peer.seen().len(), 1);
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}

#[test]
fn a_token_that_does_not_work_is_not_kept() {
    let rule = |status, body: serde_json::Value| {
        ("GET /api/v1/accounts/verify_credentials", json(status, body))
    };
    // Write scopes alone may not read the account; that is no fault.
    for (answer, works) in [
        (rule(401, value!({ "error": "The access token is invalid" })), false),
        (rule(403, value!({ "error": "outside the authorized scopes" })), true),
        (rule(404, value!({ "error": "not found" })), true),
    ] {
        let peer = Scripted::start(vec![
            ("POST /api/v1/apps", json(200, value!({ "client_id": "id", "client_secret": "s" }))),
            ("POST /oauth/token", json(200, value!({ "access_token": "t0ken" }))),
            answer,
        ]);
        let folder = TempDir::new().unwrap();
        let (worked, said) = log_in(&peer.url, folder.path(), |_| "c0de".to_owned());
        assert_eq!(worked, works, "{said}");
        assert_eq!(folder.path().join("mastodon.secret").exists(), works);
    }
}

#[test]
fn a_login_leads_nobody_elsewhere() {
    let other = granting();
    let location = format!("Location: {}/api/v1/apps\r\n", other.url);
    let peer =
        Scripted::start(vec![("POST /api/v1/apps", Reply::Answer(308, location, String::new()))]);
    let folder = TempDir::new().unwrap();
    let output = crate::fixture::afterimage(folder.path(), &["login", "mastodon", &peer.url]);
    assert!(!output.status.success());
    assert!(other.seen().is_empty());
}

/// The code that mastodon_mock shows to its first account, which allows it.
fn mock_code(page: &str) -> String {
    let page = url::Url::parse(page).unwrap();
    let (origin, query) = (page.origin().ascii_serialization(), page.query().unwrap());
    let (_, picker) = http(&origin, "GET", &format!("/oauth/authorize?{query}"), "", "");
    let between = |text: &str, begin: &str, end: &str| {
        let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}"));
        rest.split_once(end).unwrap().0.to_owned()
    };
    let account = between(&picker, "name=\"username\" value=\"", "\"");
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    let form = format!("{query}&username={account}");
    let (status, body) = http(&origin, "POST", "/oauth/authorize", headers, &form);
    assert_eq!(status, 200, "{body}");
    between(&body, "Authorization code: ", "<")
}

#[test]
fn a_login_at_mastodon_mock_gives_a_token_that_posts() {
    let Some(peer) = Mock::start() else { return };
    let folder = TempDir::new().unwrap();
    let (worked, said) = log_in(&peer.url, folder.path(), mock_code);
    assert!(worked && said.contains(" for @"), "{said}");
    let settings = &said[said.find("[MASTODON]").unwrap()..];
    let config = format!("[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n{settings}");
    let server = Server::start_in(folder, &config);
    let request = Request::new().to(&["toot@example.net"]).text("Boat~a boat");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 1 files"]);
}

/// The other way round: what the older server's login script leaves, which is
/// what Mastodon.py writes.
#[test]
fn a_file_that_mastodon_py_wrote_is_read() {
    let Some(python) = installed("mastodon/bin/python") else { return };
    let Some(peer) = Mock::start() else { return };
    let folder = TempDir::new().unwrap();
    let program = "import re, sys; from mastodon import Mastodon; url = sys.argv[1]\n\
        id, secret = Mastodon.create_app('x', scopes=['write:statuses', 'write:media'], api_base_url=url)\n\
        m = Mastodon(api_base_url=url, client_id=id, client_secret=secret)\n\
        page = m.auth_request_url(scopes=['write:statuses', 'write:media'], allow_http=True)\n\
        print(page, flush=True)\n\
        m.log_in(code=sys.stdin.readline().strip(), scopes=['write:statuses', 'write:media'], to_file='mastodon.secret', allow_http=True)";
    let mut login = Command::new(python)
        .current_dir(folder.path())
        .args(["-c", program, &peer.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut page = String::new();
    BufReader::new(login.stdout.take().unwrap()).read_line(&mut page).unwrap();
    writeln!(login.stdin.take().unwrap(), "{}", mock_code(page.trim())).unwrap();
    assert!(login.wait().unwrap().success());
    let written = fs::read_to_string(folder.path().join("mastodon.secret")).unwrap();
    assert_eq!(written.lines().count(), 4, "{written}");
    let token = written.lines().next().unwrap().to_owned();

    // As the older server's example has it: a file and no BASE_URL.
    let server = Server::start_in(
        folder,
        "[ACTIONS]\n\"toot@example.net\" = \"mastodon\"\n[MASTODON]\nTOKEN = 'mastodon.secret'\n",
    );
    let request = Request::new().to(&["toot@example.net"]).text("Boat~a boat");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered: posted 1 files"]);
    assert!(!server.log().contains(&token));
}
