//! `afterimage camera backup` against the real server, from the search to the
//! end, with the real ports.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::backup::CONFIG;
use crate::fixture::network::{alone, ip};
use crate::fixture::oracle::has;
use crate::fixture::{Server, afterimage};

/// Two photos and a video in the server's folder, all of June 2014, and a
/// card that is paired.
fn prepare(server: &Server, model: &str) {
    for (name, bytes) in [
        ("SAM_0001.JPG", vec![1; 300_006]),
        ("SAM_0002.JPG", vec![2; 7]),
        ("SAM_0003.MP4", vec![3; 2_000_012]),
    ] {
        let path = server.folder().join(name);
        std::fs::write(&path, bytes).unwrap();
        let touched = Command::new("touch").args(["-d", "2014-06-15 12:00"]).arg(&path).status();
        assert!(touched.unwrap().success());
    }
    std::fs::create_dir_all(server.folder().join("card/DCIM")).unwrap();
    let paired = afterimage(server.folder(), &["backup", "pair", "card", "--model", model]);
    assert!(paired.status.success(), "{paired:?}");
}

fn camera(server: &Server, model: &str, more: &[&str]) -> Output {
    let files = ["SAM_0001.JPG", "SAM_0002.JPG", "SAM_0003.MP4"];
    let arguments =
        ["camera", "backup", "--model", model, "--card", "card", "--from", "192.168.1.20"];
    afterimage(server.folder(), &[&arguments[..], more, &files].concat())
}

#[track_caller]
fn assert_content(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.starts_with("camera: backed up"), "{output:?}");
}

const BY_MONTH: &str =
    "[ACTIONS]\nautobackup = \"store.card\"\n[STORE.card]\nFOLDER = \"{year}/{month}\"\n";

#[test]
fn a_paired_camera_backs_up_and_a_second_time_doubles_nothing() {
    alone(|| {
        for model in ["nx1000", "nx300", "ex2f", "wb150f"] {
            let server = Server::start(&format!("{CONFIG}{BY_MONTH}"));
            server.logged(&["cameras are heard on"]);
            prepare(&server, model);
            assert_content(&camera(&server, model, &[]));
            assert_content(&camera(&server, model, &[]));
            let stored = server.stored();
            let names: Vec<&Path> = stored.keys().map(AsRef::as_ref).collect();
            let names: Vec<&str> = names.iter().map(|path| path.to_str().unwrap()).collect();
            assert_eq!(
                names,
                [
                    "card/2014/06/SAM_0001.JPG",
                    "card/2014/06/SAM_0002.JPG",
                    "card/2014/06/SAM_0003.MP4"
                ],
                "{model}"
            );
            assert_eq!(stored[Path::new("card/2014/06/SAM_0003.MP4")], vec![3; 2_000_012]);
            assert_eq!(server.deliveries(&["--all"]).len(), 3);
            let status = afterimage(server.folder(), &["backup", "status"]);
            let status = String::from_utf8_lossy(&status.stdout).into_owned();
            assert!(status.contains("192.168.1.20") && status.contains("SAM_0003.MP4"), "{status}");
        }
    });
}

#[test]
fn a_network_that_breaks_loses_and_doubles_nothing() {
    alone(|| {
        let server = Server::start(&format!("{CONFIG}{BY_MONTH}"));
        server.logged(&["cameras are heard on"]);
        prepare(&server, "nx300");
        assert_content(&camera(&server, "nx300", &["--loss"]));
        assert_eq!(server.stored().len(), 3);
        assert_eq!(server.deliveries(&["--all"]).len(), 3);
    });
}

#[test]
fn a_camera_whose_card_names_another_server_finds_none() {
    alone(|| {
        let server = Server::start(CONFIG);
        server.logged(&["cameras are heard on"]);
        prepare(&server, "nx300");
        let other = CONFIG.replace("a secret", "another secret");
        let server = Server::start_in(server.end(), &other);
        server.logged(&["cameras are heard on"]);
        let output = camera(&server, "nx300", &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && text.contains("is not the server"), "{output:?}");
    });
}

/// A machine of its own behind a cable, whose network card has this address.
struct Neighbour(std::process::Child);

impl Neighbour {
    fn new(mac: &str) -> Self {
        let child = Command::new("unshare").args(["-n", "sleep", "1000"]).spawn().unwrap();
        let neighbour = Self(child);
        let pid = neighbour.0.id().to_string();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        while std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|net| net == own) {
            std::thread::yield_now();
        }
        ip(&["link", "add", "here", "type", "veth", "peer", "name", "there"]);
        ip(&["link", "set", "there", "netns", &pid]);
        ip(&["address", "add", "192.168.2.1/24", "dev", "here"]);
        ip(&["link", "set", "here", "up"]);
        for arguments in [
            &["link", "set", "there", "address", mac][..],
            &["address", "add", "192.168.2.20/24", "dev", "there"],
            &["link", "set", "there", "up"],
            &["route", "add", "239.0.0.0/8", "dev", "there"],
        ] {
            let output = neighbour.run("ip", arguments);
            assert!(output.status.success(), "{output:?}");
        }
        neighbour
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let pid = self.0.id().to_string();
        let mut command = Command::new("nsenter");
        command.args(["-t", &pid, "-n", program]).args(arguments).output().unwrap()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_camera_is_known_by_its_network_card() {
    alone(|| {
        if !has("nsenter") {
            return;
        }
        let neighbour = Neighbour::new("a0:21:95:00:00:01");
        let server = Server::start(&format!(
            "{CONFIG}[AUTOBACKUP.CAMERAS]\n\"A0-21-95-00-00-01\" = {{ MODEL = \"NX1000\" }}\n\
             [ACTIONS]\nautobackup = \"store.card\"\n[STORE.card]\nFOLDER = \"{{camera}}\"\n"
        ));
        server.logged(&["cameras are heard on here"]);
        let photo = server.folder().join("SAM_0001.JPG");
        std::fs::write(&photo, "photo").unwrap();
        let photo = photo.to_str().unwrap();
        let program = env!("CARGO_BIN_EXE_afterimage");
        assert_content(&neighbour.run(program, &["camera", "backup", photo]));
        let stored = server.stored();
        assert_eq!(stored.keys().collect::<Vec<_>>(), [Path::new("card/NX1000/SAM_0001.JPG")]);
        // Another card is another camera.
        assert!(
            neighbour
                .run("ip", &["link", "set", "there", "address", "a0:21:95:00:00:02"])
                .status
                .success()
        );
        ip(&["neigh", "flush", "dev", "here"]);
        let output = neighbour.run(program, &["camera", "backup", photo]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("no server answers"), "{output:?}");
    });
}
