//! What Auto Backup serves over HTTP: descriptions and calls, and whom.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::fixture::backup::{
    ANOTHER, CAMERA, CONFIG, Camera, ON_LOOPBACK, SERVER, STRANGER, assert_fault, call, call_with,
    didl, element, elements, envelope, id,
};
use crate::fixture::network::alone;
use crate::fixture::{Answer, Server};

/// A server on loopback and a camera that knows it.
fn start(more: &str) -> (Server, Camera) {
    let server = Server::start(&format!("{ON_LOOPBACK}{more}"));
    let camera = Camera::on_loopback(&server);
    (server, camera)
}

#[test]
fn the_description_is_whole_and_comes_in_one_piece() {
    let (_server, camera) = start("NAME = \"Tom & Anna\"\n");
    let answer = camera.ask("GET /DMS/SamsungDmsDesc.xml");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.first_read, answer.length, "in one piece");
    assert_eq!(answer.header("Content-Type"), ["text/xml; charset=\"utf-8\""]);
    assert_eq!(answer.header("Content-Length"), [answer.body.len().to_string()]);
    let udn = afterimage::pairing::Udn::of_installation("a secret").to_string();
    for (name, value) in [
        ("major", "1"),
        ("minor", "0"),
        ("dlna:X_DLNADOC", "DMS-1.50"),
        ("deviceType", "urn:schemas-upnp-org:device:MediaServer:1"),
        ("friendlyName", "Tom &amp; Anna"),
        ("manufacturer", "Samsung Electronics"),
        ("manufacturerURL", "http://www.samsung.com"),
        ("modelDescription", "Samsung PC AutoBackup"),
        ("modelName", "WiselinkPro"),
        ("modelNumber", "1.0"),
        ("modelURL", "http://www.samsung.com"),
        ("serialNumber", "20080818WiselinkPro"),
        ("sec:ProductCap", "smi,DCM10,getMediaInfo.sec,getCaptionInfo.sec"),
        ("UDN", &udn),
    ] {
        assert_eq!(element(&answer.body, name), value);
    }
    for service in ["ContentDirectory", "ConnectionManager"] {
        for part in [
            format!("<serviceType>urn:schemas-upnp-org:service:{service}:1</serviceType>"),
            format!("<serviceId>urn:upnp-org:serviceId:{service}</serviceId>"),
            format!("<controlURL>/upnp/control/{service}1</controlURL>"),
            format!("<eventSubURL>/upnp/event/{service}1</eventSubURL>"),
            format!("<SCPDURL>{service}1.xml</SCPDURL>"),
        ] {
            assert!(answer.body.contains(&part), "{part}");
        }
    }
    let head = camera.ask("HEAD /DMS/SamsungDmsDesc.xml");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn the_services_are_described_beside_the_device_and_in_the_root() {
    let (_server, camera) = start("");
    for folder in ["/DMS", "", "/any/other"] {
        let directory = camera.ask(&format!("GET {folder}/ContentDirectory1.xml"));
        assert_eq!(directory.status, 200, "{folder}");
        for action in [
            "GetSystemUpdateID",
            "GetSearchCapabilities",
            "GetSortCapabilities",
            "X_GetLocalPath",
            "X_GetIndexfromRID",
            "X_GetObjectIDfromIndex",
            "X_BACKUP_START",
            "X_BACKUP_DONE",
            "X_SystemOff",
            "Browse",
            "CreateObject",
        ] {
            let name = format!("<action><name>{action}</name>");
            assert!(directory.body.contains(&name), "{action}");
        }
        let manager = camera.ask(&format!("GET {folder}/ConnectionManager1.xml"));
        assert!(manager.body.contains("<action><name>X_ChangeFriendlyName</name>"), "{folder}");
    }
    for nothing in ["/", "/DMS/x.xml", "/DMS/../etc/passwd", "/upnp/event/ContentDirectory1"] {
        assert_eq!(camera.ask(&format!("GET {nothing}")).status, 404, "{nothing}");
    }
}

#[test]
fn a_backup_begins_and_ends_whatever_came_before() {
    let (server, camera) = start("");
    for action in ["X_BACKUP_START", "X_BACKUP_DONE", "X_BACKUP_DONE"] {
        let answer = camera.call(action, "");
        assert_eq!(answer.status, 200);
        let response = format!(
            "<u:{action}Response xmlns:u=\"urn:schemas-upnp-org:service:ContentDirectory:1\"/>"
        );
        assert_eq!(answer.body.matches(&response).count(), 1, "{answer:?}");
        assert_eq!(answer.header("Content-Length"), [answer.body.len().to_string()]);
        assert_eq!(answer.first_read, answer.length);
    }
    assert_eq!(camera.call("X_BACKUP_DONE", "<SystemOff>1</SystemOff>").status, 200);
    let off = camera.call("X_SystemOff", "");
    assert_eq!((off.status, off.body.as_str()), (404, ""));
    assert_eq!(camera.call("X_BACKUP_START", "").status, 200, "the machine is on");
    drop(server);
}

#[test]
fn an_action_is_understood_however_it_is_named() {
    let (_server, camera) = start("");
    let body = envelope("X_BACKUP_START", "");
    let named = "urn:schemas-upnp-org:service:ContentDirectory:1#X_BACKUP_START";
    for lines in [
        format!("SoapAction: {named}\r\n"),
        format!("soapaction:\"{named}\"\r\n"),
        "SOAPACTION: \"x_backup_start\"\r\n".to_owned(),
        // Content-Type: text/xml keeps pages in browsers out as well.
        String::new(),
    ] {
        let answer = camera.send(call_with(camera.server, &lines, &body).as_bytes());
        assert_eq!(answer.status, 200, "{lines}: {answer:?}");
    }
    let double = call(camera.server, "X_BACKUP_START", "")
        .replacen("POST /upnp", "POST  //upnp", 1)
        .replacen(" HTTP/1.1", "  HTTP/1.0 ", 1);
    assert_eq!(camera.send(double.as_bytes()).status, 200, "{double}");
    let absolute = call(camera.server, "X_BACKUP_START", "").replacen(
        "POST /upnp",
        &format!("POST http://{}/upnp", camera.server),
        1,
    );
    assert_eq!(camera.send(absolute.as_bytes()).status, 200, "{absolute}");
}

#[test]
fn a_file_is_announced_and_gets_an_address_of_this_very_connection() {
    alone(|| {
        let _server = Server::start(CONFIG);
        for (camera, server) in [(CAMERA, "192.168.1.7"), ([10, 9, 8, 20].into(), "10.9.8.1")] {
            let camera = Camera {
                address: camera,
                server: std::net::SocketAddrV4::new(server.parse().unwrap(), 52235),
            };
            let answer = camera.announce("SAM_0042.JPG", "10");
            let id = id(&answer);
            let random = id.strip_prefix("UP_2014-06-01_").unwrap();
            assert!(random.len() == 10 && random.bytes().all(|b| b.is_ascii_alphanumeric()));
            assert!(answer.body.find("<ObjectID>") < answer.body.find("<Result>"));
            let result = element(&answer.body, "Result");
            assert!(!result.contains('<'), "{result}");
            let didl = result.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            for part in [
                format!("<item id=\"{id}\" parentID=\"UP_2014-06-01\" restricted=\"0\""),
                format!("importUri=\"http://{server}:52235/cd/content?didx=0_id={id}\""),
                "dlna:resumeUpload=\"0\" dlna:uploadedSize=\"0\" size=\"10\"".to_owned(),
                "protocolInfo=\"http-get:*:image/jpeg:DLNA.ORG_PN=JPEG_LRG;DLNA.ORG_CI=0"
                    .to_owned(),
                "<upnp:class>object.item.imageItem</upnp:class>".to_owned(),
            ] {
                assert!(didl.contains(&part), "{part} in {didl}");
            }
            assert_ne!(id, self::id(&camera.announce("SAM_0042.JPG", "10")));
        }
    });
}

#[test]
fn an_announcement_is_understood_in_other_layouts() {
    let (_server, camera) = start("");
    let photo = didl("SAM_0042.JPG", "2014-06-01", "10");
    for (what, arguments) in [
        ("line ends", elements(&photo.replace("><", ">\r\n<"))),
        ("CDATA", format!("<Elements><![CDATA[{photo}]]></Elements>")),
        ("not escaped", format!("<Elements>{photo}</Elements>")),
        ("three fields", elements(&photo.replace(":DLNA.ORG_PN=JPEG_LRG;DLNA.ORG_CI=0", ""))),
        ("no date", elements(&photo.replace("<dc:date>2014-06-01</dc:date>", ""))),
        ("a path for a date", elements(&photo.replace("2014-06-01", "../../2014"))),
        ("other prefixes", elements(&photo.replace("dc:", "x:").replace("upnp:", "y:"))),
    ] {
        let answer = camera.call("CreateObject", &arguments);
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert!(id(&answer).starts_with("UP_20"), "{what}");
    }
}

#[test]
fn what_makes_no_sense_is_bad_metadata() {
    let (_server, camera) = start("");
    for size in ["-1", "10.0", "99999999999999999999", ""] {
        assert_fault(&camera.announce("SAM_0042.JPG", size), 712);
    }
    for name in ["", "../../escape.JPG", "..\\x.JPG"] {
        assert_fault(&camera.announce(name, "10"), 712);
    }
    assert_fault(&camera.call("CreateObject", ""), 712);
    assert_fault(&camera.call("CreateObject", "<Elements></Elements>"), 712);
    let no_size = didl("A.JPG", "2014-06-01", "10").replace(" size=\"10\"", "");
    assert_fault(&camera.call("CreateObject", &elements(&no_size)), 712);
}

#[test]
fn what_cannot_be_taken_is_refused_before_its_bytes_come() {
    let (_server, camera) = start("");
    let video = camera.announce("SAM_0043.MP4", "3221225477");
    assert_eq!(video.status, 200);
    assert!(video.body.contains("size=&quot;3221225477&quot;"), "{video:?}");
    let server = Server::start(&format!("MAX_UPLOAD = \"1 GiB\"\n{ON_LOOPBACK}"));
    assert_fault(&Camera::on_loopback(&server).announce("SAM_0043.MP4", "3221225477"), 720);
    let server = Server::start(&format!("MIN_FREE_SPACE = \"1000000 GiB\"\n{ON_LOOPBACK}"));
    assert_fault(&Camera::on_loopback(&server).announce("SAM_0043.MP4", "10"), 720);
}

#[test]
fn bombs_are_refused_at_once() {
    let (server, camera) = start("");
    let (before, _) = server.footprint();
    let entities = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE s [<!ENTITY a \"AAAAAAAAAA\"><!ENTITY b \
         \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>{}",
        envelope("X_BACKUP_START", "&c;")
    );
    let lines =
        "SOAPACTION: \"urn:schemas-upnp-org:service:ContentDirectory:1#X_BACKUP_START\"\r\n";
    let refused = |answer: &Answer, begun: Instant| {
        assert!([400, 500].contains(&answer.status), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    };
    let begun = Instant::now();
    refused(&camera.send(call_with(camera.server, lines, &entities).as_bytes()), begun);
    let external = format!(
        "<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
        didl("&x;.JPG", "2014-06-01", "10")
    );
    let begun = Instant::now();
    refused(&camera.call("CreateObject", &elements(&external)), begun);
    let nested = "<a>".repeat(30_000);
    let begun = Instant::now();
    refused(&camera.call("CreateObject", &elements(&nested)), begun);
    let begun = Instant::now();
    refused(&camera.call("CreateObject", &format!("<Elements>{nested}</Elements>")), begun);
    let (after, _) = server.footprint();
    assert!(after < before + 4 * 1_024, "{before} KiB became {after} KiB");
}

#[test]
fn too_much_is_refused_before_it_comes() {
    let (_server, camera) = start("");
    let large = call(camera.server, "CreateObject", "")
        .split_once("\r\n\r\n")
        .unwrap()
        .0
        .split("\r\n")
        .map(|line| match line.starts_with("Content-Length") {
            true => "Content-Length: 9999283\r\n".to_owned(),
            false => format!("{line}\r\n"),
        })
        .collect::<String>();
    let begun = Instant::now();
    assert_eq!(camera.send(format!("{large}\r\n").as_bytes()).status, 413);
    assert!(begun.elapsed() < Duration::from_secs(5));
    for head in [
        format!("GET /DMS/SamsungDmsDesc.xml HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000)),
        format!("GET /DMS/SamsungDmsDesc.xml HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)),
    ] {
        assert_eq!(camera.send(head.as_bytes()).status, 431);
    }
}

#[test]
fn what_nobody_understands_is_unknown_and_logged_once_with_its_body() {
    let (server, camera) = start("");
    for _ in 0..2 {
        for action in [
            "Browse",
            "GetTransferProgress",
            "StopTransferResource",
            "GetSystemUpdateID",
            "X_GetLocalPath",
            "DestroyObject",
            "",
        ] {
            let lines = format!(
                "SOAPACTION: \"urn:schemas-upnp-org:service:ContentDirectory:1#{action}\"\r\n"
            );
            let body = envelope("Browse", &format!("<ObjectID>of {action}</ObjectID>"));
            let answer = camera.send(call_with(camera.server, &lines, &body).as_bytes());
            assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{action}");
        }
    }
    let long = format!("SOAPACTION: \"#{}\"\r\n", "x".repeat(10_000));
    let answer = camera.send(call_with(camera.server, &long, "").as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    server.logged(&["<ObjectID>of GetTransferProgress</ObjectID>"]);
    let log = server.log();
    let told = log.lines().filter(|line| line.contains("calls \"Browse\"")).count();
    assert_eq!(told, 1);
}

#[test]
fn other_methods_do_nothing() {
    let (_server, camera) = start("");
    let id = camera.announced("A.JPG", 10);
    for line in [
        "SUBSCRIBE /upnp/event/ContentDirectory1",
        "UNSUBSCRIBE /upnp/event/ContentDirectory1",
        "OPTIONS *",
        &format!("DELETE /cd/content?didx=0_id={id}"),
        "TRACE /",
    ] {
        assert!([405, 501].contains(&camera.ask(line).status), "{line}");
    }
    assert_eq!(camera.post(&id, b"0123456789").status, 200);
}

#[test]
fn pages_in_browsers_are_refused() {
    let (_server, camera) = start("");
    let start = call(camera.server, "X_BACKUP_START", "");
    for line in
        ["Origin: http://evil.example", "Referer: http://evil.example/x", "Sec-Fetch-Mode: cors"]
    {
        let request = start.replacen("SOAPACTION", &format!("{line}\r\nSOAPACTION"), 1);
        assert_eq!(camera.send(request.as_bytes()).status, 403, "{line}");
    }
    let rebound =
        start.replacen(&format!("Host: {}", camera.server), "Host: evil.example:52235", 1);
    assert_eq!(camera.send(rebound.as_bytes()).status, 403);
    let hostless = start.replacen(&format!("Host: {}\r\n", camera.server), "", 1);
    assert_eq!(camera.send(hostless.as_bytes()).status, 200);
    // What a form of a page can send.
    let body = envelope("X_BACKUP_START", "");
    let form = call_with(camera.server, "", &body).replacen(
        "text/xml; charset=\"utf-8\"",
        "text/plain",
        1,
    );
    assert_eq!(camera.send(form.as_bytes()).status, 403);
}

#[test]
fn strangers_and_cameras_that_are_not_listed_are_closed_without_a_byte() {
    alone(|| {
        let server = Server::start(&format!(
            "{CONFIG}[AUTOBACKUP.CAMERAS]\n\"192.168.1.20\" = {{ MODEL = \"NX300\" }}\n\
             \"a0:21:95:00:00:01\" = {{ MODEL = \"WB350F\" }}\n"
        ));
        for address in [STRANGER, ANOTHER] {
            let mut stream = Camera { address, server: SERVER }.connect();
            let _ = stream.write_all(b"GET /DMS/SamsungDmsDesc.xml HTTP/1.1\r\n\r\n");
            let answer = Answer::read(&mut stream);
            assert_eq!(answer.length, 0, "{address}: {answer:?}");
        }
        let camera = Camera::at(CAMERA);
        assert_eq!(camera.ask("GET /DMS/SamsungDmsDesc.xml").status, 200);
        camera.backs_up("A.JPG", b"photo");
        server.settle();
    });
}
