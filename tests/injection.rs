//! What a camera writes stays text: no header of a mail, no option, no command,
//! no other file.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fixture::{Faulty, PHOTO, Request, SENDER, SUCCESS, Server};

/// Texts that act, where somebody lets them, as the camera's XML writes them.
const TEXTS: [&str; 12] = [
    "$(touch owned)",
    "`touch owned`; touch owned",
    "a'b\"c\\d",
    "'; touch owned; '",
    "\"; touch owned; \"",
    "* ? ~ [a-z] {body} {{sender}} %s %n",
    "a &amp;&amp; touch owned | touch owned &gt; owned",
    "a&#10;touch owned",
    "a&#13;&#10;touch owned",
    "a&#0;b",
    "${IFS}touch${IFS}owned",
    "\u{202e}gpj.exe\u{7f}",
];

/// As the camera means it.
fn meant(text: &str) -> String {
    let text = text.replace("&#10;", "\n").replace("&#13;", "\r");
    text.replace("&amp;", "&").replace("&gt;", ">")
}

/// A server whose command writes each of its arguments, base64 a line, into
/// the next file of `runs/`.
fn shell(arguments: &str, more: &str) -> Server {
    let script = "mkdir -p runs; n=$(ls runs | wc -l); \
                  for a; do printf %s \"$a\" | base64 -w 0; echo; done > runs/$n; \
                  base64 -w 0 >> runs/$n";
    Server::start(&format!(
        "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n\"a@example.org\" = \"shell\"\n\
         [SHELL]\nCMD = [\"/bin/sh\", \"-c\", {script:?}, \"-\", {arguments}]\n{more}\n"
    ))
}

fn arguments(server: &Server, run: usize) -> Vec<String> {
    let file = fs::read_to_string(server.folder().join(format!("runs/{run}"))).unwrap();
    let decode = |line: &str| String::from_utf8(STANDARD.decode(line).unwrap()).unwrap();
    file.lines().map(decode).collect()
}

fn request() -> Request {
    Request::new().to(&["a@example.org"])
}

#[test]
fn every_text_reaches_a_command_as_it_is_and_no_shell_reads_it() {
    let server = shell(
        r#""{subject}", "s={subject}", "{body}", "{sender}", "{recipient}""#,
        "STDIN = \"{subject}/{body}\"",
    );
    for (run, text) in TEXTS.iter().enumerate() {
        let answer = server.send(&request().title(text).text(text).bytes());
        assert_eq!(answer.body, SUCCESS, "{text}");
        server.settle();
        let text = meant(text);
        // A subject has one line. &#0; is no character of XML, so it stays what
        // was written.
        let subject = text.replace("\r\n", " ").replace(['\n', '\u{7f}'], " ");
        let subject = subject.trim();
        let expected = [
            subject.to_owned(),
            format!("s={subject}"),
            text.clone(),
            SENDER.to_owned(),
            "a@example.org".to_owned(),
            format!("{subject}/{text}"),
        ];
        assert_eq!(arguments(&server, run), expected);
    }
    assert!(!server.folder().join("owned").exists());
}

#[test]
fn every_name_of_a_file_is_one_of_a_file_in_its_folder() {
    let server = shell(r#""{filename}""#, "[SHELL.x]");
    let folder = server.folder().join("upload");
    for (run, name) in [
        "$(touch owned).JPG",
        "`touch owned`.JPG",
        "--exec.JPG",
        "-rf",
        "a&#10;b.JPG",
        "a;touch owned;.JPG",
        "/etc/passwd",
        "C:\\DCIM\\A.JPG",
        "'a' \"b\".JPG",
    ]
    .iter()
    .enumerate()
    {
        let bytes = format!("photo {run}");
        let answer = server.send(&request().file(name, bytes.as_bytes()).bytes());
        assert_eq!(answer.body, SUCCESS, "{name}");
        server.settle();
        let argument = arguments(&server, run).remove(0);
        let path = std::path::Path::new(&argument);
        assert!(path.starts_with(&folder) && !argument.contains(['\n', '\r']), "{argument:?}");
        assert_eq!(fs::read_to_string(path).unwrap(), bytes, "{name}");
    }
    assert!(!server.folder().join("owned").exists());
}

#[test]
fn a_nul_reaches_no_command() {
    let server = shell(r#""{subject}", "{body}""#, "");
    let raw = |title: &str, text: &str| request().title(title).text(text).bytes();
    for (run, bytes) in [raw("a\0b", "c"), raw("a", "b\0c")].iter().enumerate() {
        let answer = server.send(bytes);
        // The command may run without it or not at all, and nobody's server falls.
        if answer.body == SUCCESS {
            server.wait_until_none_is(&["queued", "delivering"]);
            if let Some(line) = server.log().lines().find(|line| line.contains("has a NUL")) {
                assert!(line.contains("rejected"), "{line}");
                assert!(!server.folder().join(format!("runs/{run}")).exists());
            } else {
                assert!(arguments(&server, run).iter().all(|text| !text.contains('\0')));
            }
        }
    }
    assert_eq!(server.send(&request().title("still there").bytes()).body, SUCCESS);
}

#[test]
fn nothing_that_begins_an_argument_is_an_option() {
    for (placeholder, request) in [
        ("{subject}", request().title("--exec")),
        ("{subject}", request().title("-")),
        ("{subject}", request().title("-e&#10;x")),
        ("{body}", request().text("--exec")),
        ("{subject}{body}", request().title("").text("--exec")),
    ] {
        let server = shell(&format!("{placeholder:?}"), "");
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        server.logged(&["rejected", "would be taken for an option", "LEADING_DASH = true"]);
        assert!(!server.folder().join("runs").exists());
    }
}

#[test]
fn no_text_makes_a_header_or_a_recipient_of_a_mail() {
    let peer = Faulty::start(&[]);
    let server = Server::start(&format!(
        "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {}\nREPEAT_WINDOW = \"0 s\"\n\
         SENDERS = [\"Camera@samsungcamera.com\"]\n",
        peer.port
    ));
    let evil = "&#13;&#10;Bcc: eve@example.org";
    for (request, status, words) in [
        (Request::new().to(&[&format!("a@example.org{evil}")]), 400, "is no address"),
        (Request::new().from(&format!("{SENDER}{evil}")), 401, ""),
    ] {
        server.send(&request.bytes()).assert_error(status, words);
    }
    assert!(peer.commands().is_empty());

    for (count, request) in [
        Request::new().file(&format!("a{evil}.JPG"), PHOTO),
        Request::new().file("a\"; filename=\"b.exe", PHOTO),
        Request::new().title(&format!("Hi{evil}")),
        Request::new().title("Hi&#10;.&#10;MAIL FROM:&lt;eve@example.org&gt;"),
        Request::new().text(&format!("Hi{evil}")),
        Request::new().text("a&#10;.&#10;MAIL FROM:&lt;eve@example.org&gt;&#10;"),
        Request::new().title("=?utf-8?q?=0D=0ABcc:_eve@example.org?="),
        Request::new().title(&format!("Hi{evil}")),
        Request::new().title("Hi&#10;.&#10;MAIL FROM:<eve@example.org>"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(server.send(&request.bytes()).body, SUCCESS);
        server.settle();
        assert_eq!(peer.mails().len(), count + 1);
        let mail = peer.mails().pop().unwrap();
        assert_eq!(mail.to, ["alice@example.net"]);
        let text = String::from_utf8_lossy(&mail.bytes).into_owned();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
    }
    let said = peer.commands();
    assert!(!said.iter().any(|line| line.contains("eve@example.org")), "{said:?}");
}
