//! `plugin test` and `plugin try` with plugins that make requests.

use std::fs;
use std::process::Output;

use crate::fixture::mastodon::{Reply, Scripted};
use crate::fixture::{assert_expected, sha256_of};
use crate::plugin::{folder_with, plugin, text};

/// Runs a case of the guest `fetch` with these settings.
fn fetch_case(settings: &str, case: &str) -> Output {
    let folder = folder_with(&["fetch"]);
    let case = format!("UPLOAD = \"fixture\"\nSETTINGS = {{ {settings} }}\n{case}");
    fs::write(folder.path().join("case.toml"), case).unwrap();
    plugin(folder.path(), &["test", "fetch.wasm", "case.toml"])
}

#[test]
fn a_case_answers_requests_and_nothing_reaches_the_network() {
    let peer = Scripted::start(Vec::new());
    let url = format!("URL = \"{}/a?b=c\", READ = true", peer.url);
    let get = format!("[[HTTP]]\nREQUEST = \"GET {}/a?b=c\"\n", peer.url);
    let answered = fetch_case(
        &url,
        &format!(
            "DELIVER = 'ok({{summary: \"status 418 teapot,short\", links: []}})'\n{get}\
             STATUS = 418\nHEADERS = {{ x-kind = \"teapot,\" }}\nBODY = \"short\"\n"
        ),
    );
    assert!(answered.status.success(), "{}", text(&answered));
    let refused =
        "DELIVER = 'err(reject({reason: other, message: \"ErrorCode::ConnectionRefused\"}))'";
    let unanswered = fetch_case(&url, &format!("{refused}\n{get}"));
    assert!(unanswered.status.success(), "{}", text(&unanswered));
    assert!(peer.seen().is_empty());
}

#[test]
fn a_case_fails_where_requests_are_others_than_it_says() {
    let url = "URL = \"https://a.example.org/x\", BODY = \"one two three\"";
    let post = "[[HTTP]]\nREQUEST = \"POST https://a.example.org/x\"\nSTATUS = 200\n";
    let check = "CHECK = \"ok(1)\"\n";
    let cases = [
        ("unexpected", String::new()),
        ("other", "[[HTTP]]\nREQUEST = \"PUT https://a.example.org/y\"\nSTATUS = 200\n".to_owned()),
        ("missing", format!("{post}{post}")),
        ("other-body", format!("{post}BODY_CONTAINS = \"two four\"\n")),
        ("no-status", post.replace("STATUS = 200", "BODY = \"x\"")),
        ("no-url", post.replace("POST https://a.example.org/x", "/x")),
    ];
    let mut shown = String::new();
    for (name, case) in cases {
        let output = fetch_case(url, &format!("{check}{case}"));
        assert!(!output.status.success(), "{name}");
        shown.push_str(&format!("{name}:\n{}", text(&output)));
    }
    assert_expected("test-other-request", &shown);
    let right = fetch_case(url, &format!("{check}{post}BODY_CONTAINS = \"two three\"\n"));
    assert!(right.status.success(), "{}", text(&right));
}

#[test]
fn a_recorded_run_has_its_requests_and_no_secret() {
    let answer = "X-Kind: teapot\r\nSet-Cookie: session=s3cret\r\n".to_owned();
    let peer = Scripted::start(vec![("GET /a", Reply::Answer(203, answer, "brown".to_owned()))]);
    let folder = folder_with(&["fetch"]);
    let component = folder.path().join("fetch.wasm");
    let sha256 = sha256_of(&component);
    let origin = &peer.url;
    let config = format!(
        "[ACTIONS]\n\"a@example.org\" = \"fetch\"\n[FETCH]\nURL = \"{origin}/a\"\nREAD = true\n\
         [PLUGINS.fetch]\nCOMPONENT = \"fetch.wasm\"\nSHA256 = {sha256:?}\n\
         ALLOW = {{ HTTP = [{origin:?}], PRIVATE_NETWORKS = true }}\n\
         SECRETS = [{{ ORIGIN = {origin:?}, HEADER = \"authorization\", VALUE = \"t0ken\" }}]\n"
    );
    fs::write(folder.path().join("config.toml"), config).unwrap();
    let arguments = ["try", "fetch.wasm", "--upload", "fixture", "--config", "config.toml"];
    let more = ["--action", "fetch", "--record", "case.toml"];
    let tried = plugin(folder.path(), &[&arguments[..], &more].concat());
    assert!(tried.status.success(), "{}", text(&tried));
    let shown = text(&tried);
    assert!(shown.contains(&format!("GET {origin} 203, 5 bytes")), "{shown}");
    assert!(peer.seen()[0].head.contains("authorization: t0ken"));

    let case = fs::read_to_string(folder.path().join("case.toml")).unwrap();
    assert_expected("record-http", &case.replace(origin, "http://peer"));
    let passed = plugin(folder.path(), &["test", "fetch.wasm", "case.toml"]);
    assert!(passed.status.success(), "{}", text(&passed));
    assert_eq!(peer.seen().len(), 1);
}
