//! `afterimage backup pair`: what it writes on a card, and what it leaves alone.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::fixture::{afterimage, files_below};

const CONFIG: &str = "SECRET = \"a secret\"\n[AUTOBACKUP]\nSENDER = \"Camera@samsungcamera.com\"\n";

/// A folder with a configuration and a card below it that has these files.
fn card(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    fs::create_dir(folder.path().join("card")).unwrap();
    for (path, text) in files {
        let path = folder.path().join("card").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn pair(folder: &Path, more: &[&str]) -> Output {
    afterimage(folder, &[&["backup", "pair", "card", "--mac", "02-00-5e-10-20-30"], more].concat())
}

fn device(name: &str) -> String {
    format!("<device><BaseModelName value=\"{name}\"/></device>")
}

/// The five lines.
fn expected() -> String {
    let udn = afterimage::pairing::Udn::of_installation("a secret");
    format!(
        "MacAddr=02:00:5E:10:20:30\r\nUDN={udn}\r\nfriendlyName=Afterimage\r\nWOLSupport=1\r\n\
         ServerFlag=1\r\n"
    )
}

#[test]
fn a_card_gets_five_lines_where_its_camera_looks_and_twice_the_same() {
    for (place, name, written) in [
        ("SYSTEM/Device.xml", "SAMSUNG DV300", "DLNA_WEB_ROOT/SAMSUNGAutoBackupDESC.ini"),
        ("system/device.xml", "SAMSUNG NX1000", "dlna_web_root/SAMSUNGAutoBackupDESC.ini"),
        ("SYSTEM/DEVICE.XML", "SAMSUNG WB150", "DLNA_WEB_ROOT/SAMSUNGAUTOBACKUPDESC.INI"),
        ("system/device.xml", "SAMSUNG NX9000", "dlna_web_root/SAMSUNGAutoBackupDESC.ini"),
    ] {
        let folder = card(&[(place, &device(name)), ("DCIM/100PHOTO/SAM_0001.JPG", "photo")]);
        for _ in 0..2 {
            let output = pair(folder.path(), &[]);
            assert!(output.status.success(), "{output:?}");
            let files = files_below(&folder.path().join("card"));
            assert_eq!(files.len(), 3, "{:?}", files.keys());
            assert_eq!(String::from_utf8_lossy(&files[Path::new(written)]), expected(), "{name}");
        }
    }
}

#[test]
fn an_nx500_is_told_by_its_other_file() {
    let xml = "<root><friendlyName>[Camera]NX500</friendlyName></root>";
    let folder = card(&[("config/RVF/xml/DeviceDescription.xml", xml)]);
    let output = pair(folder.path(), &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("NX500 is known"), "{output:?}");
}

#[test]
fn the_file_of_another_server_is_replaced_under_its_name() {
    let existing = "dlna_web_root/samsungautobackupdesc.ini";
    let folder = card(&[(existing, "UDN=uuid:another\r\n"), ("DCIM/x", "")]);
    assert!(pair(folder.path(), &["--model", "DV300F"]).status.success());
    let files = files_below(&folder.path().join("card"));
    assert_eq!(files.len(), 2, "{:?}", files.keys());
    assert_eq!(String::from_utf8_lossy(&files[Path::new(existing)]), expected());
}

#[test]
fn a_folder_that_is_no_card_is_refused_with_the_remedy() {
    let folder = card(&[]);
    let output = pair(folder.path(), &[]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("--force") && error.contains("--model"),
        "{error}"
    );
    assert!(files_below(&folder.path().join("card")).is_empty());
    assert!(pair(folder.path(), &["--dry-run", "--force"]).status.success());
    assert!(files_below(&folder.path().join("card")).is_empty(), "a dry run");
    assert!(pair(folder.path(), &["--force"]).status.success());
    assert_eq!(files_below(&folder.path().join("card")).len(), 1);
    let gone = afterimage(folder.path(), &["backup", "pair", "nowhere"]);
    assert!(!gone.status.success());
}

#[test]
fn a_link_out_of_the_card_is_refused() {
    let folder = card(&[("SYSTEM/Device.xml", &device("SAMSUNG DV300"))]);
    let outside = TempDir::new().unwrap();
    let link = folder.path().join("card/DLNA_WEB_ROOT");
    std::os::unix::fs::symlink(outside.path(), link).unwrap();
    let output = pair(folder.path(), &[]);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn whoever_has_not_turned_it_on_is_told_how() {
    let folder = card(&[("DCIM/x", "")]);
    fs::write(folder.path().join("config.toml"), "").unwrap();
    let output = pair(folder.path(), &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("[AUTOBACKUP]"), "{said}");
    // The spool's own secret makes the name, and keeps it.
    let written = folder.path().join("card/dlna_web_root/SAMSUNGAutoBackupDESC.ini");
    let first = fs::read(&written).unwrap();
    assert!(pair(folder.path(), &[]).status.success());
    assert_eq!(fs::read(&written).unwrap(), first);
}
