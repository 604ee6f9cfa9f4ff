//! A running server takes up a new component or configuration, and keeps the
//! old one when the new one is bad.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::fixture::certificates::Authority;
use crate::fixture::social::{self, KEY, PASSWORD, USER};
use crate::fixture::{Fault, Faulty, Request, SUCCESS, Server, guest, sha256_of};

/// Puts the guest of this name at `path` as a careful build would.
fn install(name: &str, path: &Path) {
    let draft = path.with_extension("new");
    fs::copy(guest(name), &draft).unwrap();
    fs::rename(draft, path).unwrap();
}

fn send(server: &Server) -> String {
    server.send(&Request::new().to(&["a@example.org"]).bytes()).body
}

#[test]
fn a_new_component_is_taken_up_and_a_bad_one_is_not() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("x.wasm");
    install("reject-long", &component);
    let server = Server::start(&format!(
        "[ACTIONS]\n\"a@example.org\" = \"x\"\n[PLUGINS.x]\nCOMPONENT = {component:?}\n"
    ));
    assert_ne!(send(&server), SUCCESS);

    install("echo", &component);
    server.logged(&["plugin x reloaded"]);
    assert_eq!(send(&server), SUCCESS);

    fs::write(&component, "no component").unwrap();
    server.logged(&["not reloaded, the old one stays", "plugin x", "no WebAssembly component"]);
    assert_eq!(send(&server), SUCCESS);

    install("wants-store", &component);
    server.logged(&["not reloaded, the old one stays", "asks for store, which is not granted"]);
    assert_eq!(send(&server), SUCCESS);
}

#[test]
fn sighup_takes_up_a_new_configuration_and_refuses_a_wrong_one() {
    let server = Server::start(
        "REPEAT_WINDOW = \"0 s\"\nSECRET = \"one\"\n[ACTIONS]\n\"b@example.org\" = \"ignore\"\n",
    );
    assert_ne!(send(&server), SUCCESS);
    let config = server.folder().join("config.toml");

    fs::write(&config, "REPEAT_WINDOW = \"0 s\"\nSECRET = \"two\"\n[ACTIONS]\n\"a@example.org\" = \"store.here\"\n")
        .unwrap();
    server.signal("HUP");
    server.logged(&["configuration reloaded"]);
    server.logged(&["SECRET changed; that takes effect at the next start"]);
    assert_eq!(send(&server), SUCCESS);
    server.settle();
    assert!(server.folder().join("upload/here/SAM_0042.JPG").exists());

    fs::write(&config, "[ACTIONS]\n\"a@example.org\" = \"shred\"\n").unwrap();
    server.signal("HUP");
    server.logged(&["not reloaded", "config.toml:2:", "shred"]);
    assert_eq!(send(&server), SUCCESS);
}

#[test]
fn a_plugin_that_is_added_to_a_running_server_delivers_after_sighup() {
    let server = Server::start("# mine\n");
    let folder = server.folder();
    let echo = guest("echo");
    let arguments = ["plugin", "add", echo.to_str().unwrap(), "--name", "holiday"];
    assert!(crate::fixture::afterimage(folder, &arguments).status.success());
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    let config = format!("[ACTIONS]\n\"a@example.org\" = \"holiday\"\n{config}");
    fs::write(folder.join("config.toml"), config).unwrap();
    server.signal("HUP");
    server.logged(&["configuration reloaded"]);
    assert_eq!(send(&server), SUCCESS);
    server.logged(&["delivered", "SAM_0042.JPG"]);
}

#[test]
fn no_upload_is_lost_while_components_change() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("x.wasm");
    install("echo", &component);
    let server = Server::start(&format!(
        "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n\"a@example.org\" = \"x\"\n[PLUGINS.x]\nCOMPONENT = {component:?}\n"
    ));
    // The same behaviour in other bytes: a custom section behind it.
    let mut bytes = fs::read(&component).unwrap();
    bytes.extend([0, 3, 1, b'x', 0]);
    fs::write(&component, bytes).unwrap();
    let mut sent = 0;
    while !server.log().contains("plugin x reloaded") {
        assert_eq!(send(&server), SUCCESS);
        sent += 1;
        assert!(sent < 10_000);
    }
    assert_eq!(send(&server), SUCCESS);
    server.settle();
    let deliveries = server.deliveries(&["--all"]);
    assert!(deliveries.iter().all(|delivery| delivery["state"] == "delivered"));
    assert_eq!(deliveries.len(), sent + 1);
}

#[test]
fn a_reload_leaves_a_running_delivery_to_the_old_component() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("x.wasm");
    install("sleep", &component);
    let server = Server::start(&format!(
        "RETRY_DELAYS = [\"0 s\"]\n[ACTIONS]\n\"a@example.org\" = \"x\"\n\
         [PLUGINS.x]\nCOMPONENT = {component:?}\nLIMITS = {{ WALL = \"4 s\" }}\n"
    ));
    assert_eq!(send(&server), SUCCESS);
    server.wait_until_none_is(&["queued"]);
    install("echo", &component);
    server.logged(&["plugin x reloaded"]);
    server.logged(&["no result within 4s"]);
    // The next attempt is the new one's.
    server.logged(&["delivered: ", "attempt"]);
}

#[test]
fn a_component_with_a_digest_is_only_replaced_together_with_it() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("x.wasm");
    install("wants-store", &component);
    let config = |component: &Path| {
        format!(
            "REPEAT_WINDOW = \"0 s\"\n[ACTIONS]\n\"a@example.org\" = \"x\"\n[PLUGINS.x]\n\
             COMPONENT = {component:?}\nSHA256 = {:?}\nALLOW = {{ STORE = \"prints\" }}\n",
            sha256_of(component)
        )
    };
    let server = Server::start(&config(&component));
    install("echo", &component);
    server.logged(&["not reloaded, the old one stays", "its SHA-256 is", "as SHA256 says"]);
    assert_eq!(send(&server), SUCCESS);
    assert_eq!(server.only_stored().0, "ok.jpg");

    fs::write(server.folder().join("config.toml"), config(&component)).unwrap();
    server.signal("HUP");
    server.logged(&["configuration reloaded"]);
    assert_eq!(send(&server), SUCCESS);
    server.logged(&["delivered", "SAM_0042.JPG"]);
}

#[test]
fn sighup_takes_up_another_mail_server() {
    let (old, new) = (Faulty::start(&[("connect", Fault::Drop)]), Faulty::start(&[]));
    let config = |port: u16| {
        format!(
            "MAIL_SERVER = \"127.0.0.1\"\nMAIL_PORT = {port}\n\
             RETRY_DELAYS = [\"0 s\", \"500 ms\"]\n"
        )
    };
    let server = Server::start(&config(old.port));
    assert_eq!(send(&server), SUCCESS);
    server.logged(&["action email failed"]);
    fs::write(server.folder().join("config.toml"), config(new.port)).unwrap();
    server.signal("HUP");
    server.settle();
    assert_eq!((old.received().len(), new.received().len()), (0, 1));
}

#[test]
fn a_service_that_is_added_is_served_after_sighup() {
    let server = Server::start("");
    let request = social::post("/myblog/auth", &social::login(USER, PASSWORD, Some(KEY)));
    assert_eq!(server.send(&request).status, 404);
    let config = "[ACTIONS]\nmyblog = \"store.blog\"\n";
    fs::write(server.folder().join("config.toml"), config).unwrap();
    server.signal("HUP");
    server.logged(&["configuration reloaded"]);
    server.share("myblog", "A.JPG", "no words", b"photo");
    server.settle();
    assert!(server.folder().join("upload/blog/A.JPG").is_file());
}

/// Every key of the manual's table: a change of it is taken up without a word,
/// or named as one that needs a restart, as the table says.
#[test]
fn every_key_is_reloaded_or_named_as_one_that_needs_a_restart() {
    let folder = TempDir::new().unwrap();
    let print = |what| {
        let printed = crate::fixture::afterimage(folder.path(), &["config", what]).stdout;
        String::from_utf8(printed).unwrap()
    };
    let (table, examples) = (print("--manual"), print("--examples"));
    let keys: Vec<(&str, bool)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(key, rest)| (key, rest.starts_with(" \u{21bb}")))
        .collect();
    assert!(keys.len() > 35, "{table}");
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let server = Server::start_in(folder, "");
    let config = server.folder().join("config.toml");
    for (number, (key, is_reloaded)) in keys.iter().enumerate() {
        let example = examples.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let other = match *key {
            "MAIL_REWRITE_FROM" => "MAIL_DEFAULT_SENDER = \"me@example.org\"\n",
            _ => "",
        };
        fs::write(&config, format!("{other}{}\n", example.unwrap())).unwrap();
        server.signal("HUP");
        server.logged_times(&["configuration reloaded"], number + 1);
        // It was started with --listen, which counts before the file.
        if *key == "LISTEN" {
            continue;
        }
        let named = server.log().contains(&format!(" {key} changed; that takes effect"));
        assert_eq!(named, !is_reloaded, "{key}");
    }
}
