//! The action `shell`: what a command gets, and what becomes of its end.

use std::fs;

use crate::fixture::{PHOTO, Request, SENDER, SUCCESS, Server, assert_dies, guest};

/// A program that prints each argument in brackets, and its standard input.
const ECHO: &str = r#"["/bin/sh", "-c", "for a; do printf '[%s]' \"$a\"; done; cat", "echo", "#;

fn server(cmd: &str, more: &str) -> Server {
    Server::start(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"shell\"\n\"b@example.org\" = \"shell\"\n\
         [SHELL]\nCMD = {cmd}\n{more}\n"
    ))
}

fn request() -> Request {
    Request::new().to(&["a@example.org"])
}

#[test]
fn a_command_runs_for_each_file_and_recipient_in_order() {
    let server =
        server(r#"["/bin/sh", "-c", "echo \"$@\" >> runs", "-", "{filename}", "{recipient}"]"#, "");
    let request = request().to(&["a@example.org", "b@example.org"]).and_file("B.JPG", b"second");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered", "4 commands run"]);
    let runs = fs::read_to_string(server.folder().join("runs")).unwrap();
    let runs: Vec<(String, &str)> = runs
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(path, to)| {
            assert!(path.starts_with('/') && fs::metadata(path).is_ok(), "{path}");
            (path.rsplit('/').next().unwrap().to_owned(), to)
        })
        .collect();
    let expected = [
        ("SAM_0042.JPG", "a@example.org"),
        ("SAM_0042.JPG", "b@example.org"),
        ("B.JPG", "a@example.org"),
        ("B.JPG", "b@example.org"),
    ];
    assert_eq!(runs, expected.map(|(name, to)| (name.to_owned(), to)));
}

#[test]
fn every_value_stays_within_its_argument_and_no_shell_sees_it() {
    let texts = [
        "$(reboot)",
        "`reboot`; reboot",
        "a'b\"c\\d",
        "* ? ~",
        "{body}",
        "a &amp;&amp; b | c &gt; d",
    ];
    let cmd = format!(r#"{ECHO} "{{subject}}", "<{{body}}>", "{{sender}}"]"#);
    let server = server(&cmd, "STDIN = \"in: {body}\"");
    for text in texts {
        let answer = server.send(&request().title(text).text(text).bytes());
        assert_eq!(answer.body, SUCCESS, "{text}");
        let text = text.replace("&amp;", "&").replace("&gt;", ">");
        server.logged(&["delivered", &format!("[{text}][<{text}>][{SENDER}]in: {text}")]);
    }
}

#[test]
fn a_value_with_line_breaks_is_one_argument() {
    let cmd = r#"["/bin/sh", "-c", "printf %s \"$1\" > body", "-", "{body}"]"#;
    let server = server(cmd, "");
    assert_eq!(server.send(&request().text("one\ntwo\n\nthree").bytes()).body, SUCCESS);
    server.settle();
    assert_eq!(fs::read_to_string(server.folder().join("body")).unwrap(), "one\ntwo\n\nthree");
}

#[test]
fn a_value_that_looks_like_an_option_is_refused_unless_allowed() {
    let cmd = format!(r#"{ECHO} "{{subject}}"]"#);
    let strict = server(&cmd, "");
    strict.send(&request().title("--exec").bytes());
    strict.logged(&["shell", "--exec", "LEADING_DASH = true"]);
    let lenient = server(&cmd, "LEADING_DASH = true");
    assert_eq!(lenient.send(&request().title("--exec").bytes()).body, SUCCESS);
    lenient.logged(&["delivered", "[--exec]"]);
    let within = server(&format!(r#"{ECHO} "subject={{subject}}"]"#), "");
    assert_eq!(within.send(&request().title("--exec").bytes()).body, SUCCESS);
}

#[test]
fn an_exit_code_says_how_the_delivery_goes_on() {
    let cmd = r#"["/bin/sh", "-c", "echo \"the end\" >&2; exit $1", "-", "{subject}"]"#;
    // The last one waits for its next attempt, and what follows it with it.
    let ends = |server: &Server, codes: [&str; 3]| {
        for code in codes {
            assert_eq!(server.send(&request().title(code).bytes()).body, SUCCESS);
        }
        server.logged(&[&format!("exit code {}: the end", codes[1])]);
        server.logged(&[&format!("exit code {}: the end", codes[2])]);
        server.wait_until_none_is(&["delivering"]);
        let mut deliveries = server.deliveries(&["--all"]);
        deliveries.sort_by_key(|delivery| delivery["number"].as_u64());
        let states = deliveries.iter().map(|delivery| delivery["state"].as_str().unwrap());
        assert_eq!(states.collect::<Vec<_>>(), ["delivered", "rejected", "queued"]);
    };
    ends(&server(cmd, ""), ["0", "3", "75"]);
    ends(&server(cmd, "EXIT_DELIVERED = [0, 3]\nEXIT_RETRY = [4]"), ["3", "75", "4"]);
}

#[test]
fn a_command_and_its_children_end_at_the_deadline() {
    let cmd = r#"["/bin/sh", "-c", "sleep 1000 & echo $! > child; wait"]"#;
    let server = server(cmd, "TIMEOUT = \"500 ms\"");
    server.send(&request().bytes());
    server.logged(&["longer than TIMEOUT"]);
    let child = fs::read_to_string(server.folder().join("child")).unwrap();
    assert_dies(child.trim());
}

#[test]
fn a_command_gets_few_variables_and_its_output_is_bounded() {
    let cmd =
        r#"["/bin/sh", "-c", "env > variables; yes | head -c 5000000; yes | head -c 5000000 >&2"]"#;
    let server = server(cmd, "");
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.settle();
    let variables = fs::read_to_string(server.folder().join("variables")).unwrap();
    assert!(variables.contains("PATH=") && !variables.contains("AFTERIMAGE_LOG"), "{variables}");
}

#[test]
fn a_text_is_split_into_words_and_braces_are_checked_at_start() {
    let server = server(r#""/bin/echo 'from {sender}' to {recipient}""#, "");
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.logged(&["delivered", "from Camera@samsungcamera.com to a@example.org"]);

    for (settings, words) in [
        ("", "[SHELL]: CMD: is missing"),
        ("[SHELL]\nCMD = \"echo {filenme}\"\n", "{filenme} is unknown"),
        ("[SHELL]\nCMD = \"echo 'open\"\n", "never closed"),
        ("[SHELL]\nCMD = \"./nowhere.sh\"\n", "nowhere.sh cannot be run"),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let config = format!("[ACTIONS]\nfacebook = \"shell\"\n{settings}");
        fs::write(folder.path().join("config.toml"), config).unwrap();
        let arguments = ["serve", "--config", "config.toml", "--listen", "127.0.0.1:0"];
        let output = crate::fixture::afterimage(folder.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(78) && error.contains(words), "{error}");
    }
}

#[test]
fn a_wasm_command_works_on_its_file() {
    let cmd = format!("[{:?}, \"{{filename}}\", \"{{sender}}\"]", guest("photo-log"));
    let server = server(&cmd, "");
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    server.logged(&["delivered", "SAM_0042.JPG of Camera@samsungcamera.com: ", " x "]);
    assert_eq!(server.send(&request().file("B.JPG", b"no photo").bytes()).body, SUCCESS);
    server.logged(&["shell", "exit code 1"]);
}

#[test]
fn a_wasm_command_reads_its_file_and_nothing_else() {
    let cmd = format!("[{:?}, \"{{filename}}\"]", guest("nosy-command"));
    let server = server(&cmd, "STDIN = \"hi\"");
    let request = request().and_file("B.JPG", b"second");
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    let expected = "stdin \"hi\" variables 0 neighbours 1 passwd false above false write false connect false http Err(\"ErrorCode::HttpRequestDenied\")";
    server.logged(&["delivered", "2 commands", &format!("file 6 {expected}")]);
    assert!(server.stored().values().any(|bytes| bytes == PHOTO));
    assert!(fs::read_dir(server.folder().join("spool/scratch")).unwrap().next().is_none());
}

#[test]
fn three_recipients_of_one_upload_get_each_their_own() {
    let server = Server::start(
        "[ACTIONS]\n\"keep@example.org\" = \"store.album\"\n\"run@example.org\" = \"shell.log\"\n\
         \"forget@example.org\" = \"ignore\"\n[STORE.album]\n\
         [SHELL]\nCMD = \"/bin/false\"\nTIMEOUT = \"10 s\"\n\
         [SHELL.log]\nCMD = [\"/bin/sh\", \"-c\", \"echo $1 > for\", \"-\", \"{recipient}\"]\n",
    );
    let to = ["keep@example.org", "run@example.org", "forget@example.org"];
    assert_eq!(server.send(&Request::new().to(&to).bytes()).body, SUCCESS);
    server.logged(&["delivered", "stored album/SAM_0042.JPG"]);
    server.logged(&["delivered", "stored log/SAM_0042.JPG, 1 command run"]);
    server.logged(&["delivered", "ignored"]);
    assert_eq!(fs::read_to_string(server.folder().join("for")).unwrap(), "run@example.org\n");
    assert_eq!(server.stored().len(), 2);
}

#[test]
fn a_command_and_its_children_die_with_a_server_that_is_killed() {
    // The host sets the limit on computing when it has noted the command.
    let script = "while [ \"$(ulimit -t)\" = unlimited ]; do :; done; \
                  sleep 300 & echo $! > child; echo $$ > command; mv command started; wait";
    let server = server(&format!("[\"/bin/sh\", \"-c\", {script:?}]"), "");
    assert_eq!(server.send(&request().bytes()).body, SUCCESS);
    let started = server.folder().join("started");
    while !started.exists() {
        std::thread::yield_now();
    }
    let process = |name| fs::read_to_string(server.folder().join(name)).unwrap();
    let (command, child) = (process("started"), process("child"));
    let _folder = server.kill();
    assert_dies(command.trim());
    assert_dies(child.trim());
}
